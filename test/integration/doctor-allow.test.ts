import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { expect, test } from 'vitest';
import type { Check } from '../../src/protocol/host.js';
import { needsFile } from './support/host.js';
import { runNiwa } from './support/niwad.js';

test('the doctor finds programs of root where callers may write, and directories that strangers can reach', async ({
  skip,
  onTestFinished,
}) => {
  const setcap = needsFile(skip, '/usr/sbin/setcap', 'capabilities of files (package libcap2-bin)');
  const directory = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-doctor-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  const at = (...names: string[]) => join(directory, ...names);
  const write = (path: string, mode: number, uid = 0, gid = 0) => {
    writeFileSync(path, '');
    chownSync(path, uid, gid);
    chmodSync(path, mode);
  };
  for (const [name, mode] of [
    ['bad', 0o777],
    ['good', 0o700],
  ] as const) {
    mkdirSync(at(name));
    chmodSync(at(name), mode);
  }
  mkdirSync(at('bad', 'deep'));
  write(at('bad', 'deep', 'setuid'), 0o4755);
  write(at('bad', 'setgid'), 0o2755, 1000);
  write(at('bad', 'capable'), 0o755, 1000);
  execaSync(setcap, ['cap_setuid+ep', at('bad', 'capable')]);
  for (const harmless of ['bad', 'good']) {
    write(at(harmless, 'of-others'), 0o6755, 1000, 1000);
    write(at(harmless, 'capable-inside'), 0o755);
    execaSync(setcap, ['-n', '100000', 'cap_setuid+ep', at(harmless, 'capable-inside')]);
    symlinkSync(at('bad', 'deep', 'setuid'), at(harmless, 'link'));
  }
  writeFileSync(at('niwad.yaml'), JSON.stringify({ allow: { roots: [at('good')], sources: [at('bad'), at('none')] } }));

  const { stdout } = await runNiwa(['doctor', '--allow', '--config', at('niwad.yaml'), '--json']);
  const found = Object.fromEntries(
    (JSON.parse(stdout).checks as Check[]).map(({ name, status, found }) => [name, [status, found]]),
  );
  expect(found[`way to ${at('good')}`]).toEqual(['ok', 'closed to others']);
  expect(found[`programs in ${at('good')}`]).toEqual(['ok', 'none with rights of root']);
  expect(found[`way to ${at('bad')}`]).toEqual(['warning', 'everybody on this host can write to it']);
  const [status, programs] = found[`programs in ${at('bad')}`] ?? [];
  expect(status).toBe('warning');
  expect(programs?.split(', ').sort()).toEqual([
    expect.stringMatching(`^${at('bad', 'capable')} cap_setuid`),
    at('bad', 'deep', 'setuid'),
    at('bad', 'setgid'),
  ]);
  expect(found[`way to ${at('none')}`]?.[0]).toBe('warning');

  const plain = await runNiwa(['doctor', '--json']);
  expect(plain.stdout).not.toContain('programs in');
});
