// Techniques against an exec: the helper is caught while it enters the container (CVE-2016-9962), overwritten by what
// it executes (CVE-2019-5736), or made to leak a descriptor, a directory (CVE-2024-21626) or a false terminal
// (CVE-2025-52565).
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ExecInput } from '../../src/protocol/exec.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import { SLOWNESS } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { collect } from '../integration/support/session.js';
import { attackSpec, results, type Surroundings, test, unprotected } from './attack.js';

const SECONDS = 3 * SLOWNESS;
const CAUGHT = {
  'know its program': 'worked',
  'know its descriptors': 'worked',
  'trace it': 'worked',
  'gain a capability by it': 'worked',
  'leave the container by it': 'worked',
};

/** Runs a container that wants to catch the helper, and many execs in it; gives what came of it. */
async function catchHelper(niwad: Niwad, spec: Surroundings) {
  const { id } = await niwad.start(attackSpec('catch-entering', [String(SECONDS)], spec));
  await niwad.says(id, 'looking');
  const over = niwad.client.wait(id).then(() => true);
  for (let ended = false; !ended; ended = await Promise.race([over, Promise.resolve(false)])) {
    const session = await niwad.client.exec(id, { args: ['true'] }).catch(() => undefined);
    if (session !== undefined) await collect(session).catch(() => undefined); // it may end with its container
  }
  return results((await niwad.output(id)).stdout.replace('looking\n', ''));
}

/** Runs an exec in a container that waits. */
async function execIn(niwad: Niwad, spec: Surroundings, request: ExecInput) {
  const { id } = await niwad.start({ ...spec, process: { args: ['sleep', '1000'] } });
  try {
    return await collect(await niwad.client.exec(id, request));
  } finally {
    await niwad.client.remove(id, { force: true });
  }
}

test('CVE-2016-9962: the helper is seen while it enters, and cannot be caught, not even with CAP_SYS_PTRACE', async ({
  niwad,
}) => {
  const spec: Surroundings = { seccomp: 'unconfined', capabilities: { add: ['SYS_PTRACE'] } };
  expect(await catchHelper(niwad, spec)).toEqual({
    'see it': 'worked',
    'know its program': 'failed',
    'know its descriptors': 'failed',
    'trace it': 'failed',
    'gain a capability by it': 'failed',
    'leave the container by it': 'failed',
  });
});

test('containers that stop every helper cannot hold up the starts of others', { timeout: 60_000 * SLOWNESS }, async ({
  niwad,
}) => {
  const catching = 'import os, time\nwhile True:\n  try: os.kill(-1, 19)\n  except OSError: pass\n  time.sleep(0.0001)';
  const spec: SpecInput = {
    process: { args: ['python3', '-c', catching] },
    ready: { command: ['true'], every: '10ms', timeout: '1h' },
  };
  const traps = await Promise.all(Array.from({ length: 20 }, () => niwad.start(spec)));
  const begun = Date.now();
  for (let round = 0; round < 5; round++) await niwad.run({ process: { args: ['true'] } });
  const took = Date.now() - begun;
  await Promise.all(traps.map(({ id }) => niwad.client.remove(id, { force: true })));
  expect(took).toBeLessThan(8000 * SLOWNESS); // of a helper that is waited for: 10 s
});

test("CVE-2016-9962, control: with the host's user namespace and CAP_SYS_PTRACE it is caught", { retry: 3 }, async ({
  niwad,
}) => {
  expect(await catchHelper(niwad, unprotected('SYS_PTRACE'))).toEqual({ 'see it': 'worked', ...CAUGHT });
});

test('CVE-2019-5736: an exec of the helper itself gets nothing of the runtime', async ({ niwad }) => {
  for (const program of ['/proc/self/exe', '/proc/self/fd/3', '/proc/self/fd/4']) {
    const ended = await execIn(niwad, {}, { args: [program] }).catch(({ code }: { code: string }) => code);
    expect(typeof ended === 'string' ? ended : ended.exit.code).toEqual(
      typeof ended === 'string' ? 'START_FAILED' : 126,
    );
  }
  expect(await niwad.sh('echo fine')).toBe('fine');
});

test('CVE-2024-21626: an exec has no descriptor but the standard three, and no directory outside', {
  tags: 'vm',
}, async ({ niwad, volume }) => {
  const secret = join(volume, 'secret');
  writeFileSync(secret, 'secret');
  const { process: attacker, ...spec } = attackSpec('leaked', [secret.slice(1)]);
  const directories = Array.from({ length: 20 }, (_, fd) => `/proc/self/fd/${fd}`);
  const found = { descriptors: '0', 'by the working directory': 'ENOENT' };
  const reasons = new Set<string>();
  for (const cwd of ['/', '/proc/1/cwd', '/proc/1/root', '/proc/self/root', ...directories])
    try {
      const { stdout } = await execIn(niwad, spec, { args: attacker?.args ?? [], cwd });
      expect(results(stdout.toString())).toEqual(found);
    } catch (error) {
      reasons.add((error as { details: { step?: { errno: string } } }).details.step?.errno ?? String(error));
    }
  for (const reason of reasons) expect(['EXDEV', 'ENOENT', 'ENOTDIR', 'EACCES']).toContain(reason);
});

test('CVE-2025-52565: a terminal is made in a devpts only, whatever lies on /dev/pts', async ({ niwad, volume }) => {
  const pts = join(volume, 'pts');
  mkdirSync(pts);
  symlinkSync('/proc/sysrq-trigger', join(pts, 'ptmx'));
  const mounts = [{ type: 'bind', source: pts, target: '/dev/pts' } as const];
  const refused = { code: 'START_FAILED', details: { step: { operation: 'terminal', errno: 'ENODEV' } } };
  await expect(execIn(niwad, { mounts }, { args: ['true'], tty: true })).rejects.toMatchObject(refused);
  const spec = { mounts, process: { args: ['true'], tty: true } };
  await expect(niwad.client.create(spec)).rejects.toMatchObject(refused);
});

test('CVE-2025-52565: a link in the place of /dev/pts is not followed', { tags: 'vm' }, async ({ niwad, volume }) => {
  const dev = join(volume, 'dev');
  mkdirSync(dev);
  symlinkSync('/proc/sys/kernel', join(dev, 'pts'));
  const mounts = [{ type: 'bind', source: dev, target: '/dev' } as const];
  await expect(execIn(niwad, { mounts }, { args: ['true'], tty: true })).rejects.toMatchObject({
    details: { step: { operation: 'terminal', errno: 'ELOOP' } },
  });
});
