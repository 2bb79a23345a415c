import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';

/** Gives the module with other programs of niwa, and a systemd that fails each call with the next of some codes. */
async function scopesWith(programs: string, failures: string[] = []) {
  vi.stubEnv('NIWA_NATIVE_DIR', programs);
  vi.resetModules();
  onTestFinished(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });
  const { BusConnection } = await import('../../../src/host/dbus/connection.js');
  const call = vi.fn(() => Promise.reject(Object.assign(new Error('no'), { code: failures.shift() })));
  vi.spyOn(BusConnection, 'open').mockResolvedValue({ call, listen: () => () => {} } as never);
  const { makeScope } = await import('../../../src/host/scope.js');
  const group = '/sys/fs/cgroup/b.slice/a.scope/container';
  return { made: makeScope({ unit: 'a.scope', slice: 'b.slice' }, [], 'id', group), call };
}

/** Makes a folder of programs whose holder waits as the real one does. */
function programs(): string {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-scope-'));
  writeFileSync(join(directory, 'niwa-reach'), '#!/bin/sh\nexec cat\n', { mode: 0o755 });
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

const TAKEN = 'org.freedesktop.systemd1.UnitExists';

test('a scope whose keeping process cannot be started is not made', async () => {
  const { made, call } = await scopesWith('/no/such');
  await expect(made).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: 'cannot make the scope a.scope: spawn /no/such/niwa-reach ENOENT',
  });
  expect(call).not.toHaveBeenCalled();
});

test('a name that another unit has is tried for a second', async () => {
  const { made, call } = await scopesWith(
    programs(),
    Array.from({ length: 100 }, () => TAKEN),
  );
  await expect(made).rejects.toMatchObject({ code: 'HOST_ERROR', cause: { code: TAKEN } });
  expect(call.mock.calls.length).toBeLessThan(10);
});

test('where systemd was asked as it went away, the name may be taken for longer', async () => {
  const codes = [TAKEN, 'ECONNRESET', 'ECONNREFUSED', ...Array.from({ length: 10 }, () => TAKEN), 'EACCES'];
  const { made, call } = await scopesWith(programs(), codes);
  await expect(made).rejects.toMatchObject({ code: 'HOST_ERROR', cause: { code: 'EACCES' } });
  expect(call).toHaveBeenCalledTimes(14);
});
