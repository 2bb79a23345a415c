// Techniques of files, links and descriptors against an exec of a container engine: what it executes is the runtime
// itself (CVE-2019-5736), it leaks a directory (CVE-2024-21626), its terminal is a false one (CVE-2025-52565). And the
// runtime's program, overwritten from a PID namespace that a container joins.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { BundleConfig, Oci } from '../integration/support/oci.js';
import { compiled, results } from './attack.js';
import { asIs, bind, bundleOf, type Change, test, withCapabilities } from './oci-attack.js';
import { SEALED } from './sealed-helper.js';

const MADE = { exitCode: 0, message: '' };

/** Makes a container that waits, and removes it after the use. */
async function withSleeper(oci: Oci, change: Change, use: (id: string) => Promise<void>): Promise<void> {
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000', change);
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  try {
    await use(id);
  } finally {
    await oci.done('delete', '--force', id);
  }
}

test('CVE-2019-5736: an exec of the runtime, or by it as an interpreter, gets nothing of it', async ({
  oci,
  volume,
}) => {
  const script = join(volume, 'script');
  writeFileSync(script, '#!/proc/self/exe\n', { mode: 0o755 });
  await withSleeper(oci, bind(script, '/script'), async (id) => {
    for (const program of ['/proc/self/exe', '/proc/self/fd/3', '/proc/self/fd/4', '/script']) {
      const { exitCode, stdout } = await oci.run('exec', id, program);
      expect([126, 255], program).toContain(exitCode);
      expect(stdout).toBe('');
    }
    expect(await oci.done('exec', id, 'echo', 'fine')).toBe('fine');
  });
  const bundle = await oci.bundle('', (config) => {
    config.process.args = ['/script'];
    bind(script, '/script')(config);
  });
  expect((await oci.run('run', '--bundle', bundle, oci.id())).stdout).toBe('');
});

// The attacker has to open the helper between two of its moments; where it comes too late, it tries again.
// The control is in cve-2019-5736.test.ts: a program in memory without seals.
test('CVE-2019-5736: the seals keep the helper, also from CAP_SYS_PTRACE in a PID namespace that it joins', {
  retry: 3,
}, async ({ oci }) => {
  const [attacker, victim] = [oci.id(), oci.id()];
  const may = withCapabilities('CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE');
  const bundle = await bundleOf(oci, 'overwrite-exe', ['/proc/2/exe'], may);
  const attacking = oci.begin('run', '--bundle', bundle, attacker);
  const heard = new Promise<void>((resolve) => {
    attacking.stdout.on('data', (text) => String(text).includes('size:') && resolve());
  });
  await expect.poll(async () => (await oci.run('state', attacker)).stdout).toContain('"running"');
  const { pid } = await oci.state(attacker);
  const joining = await oci.bundle('exec sleep 1000', (config: BundleConfig) => {
    const others = (config.linux.namespaces as { type: string }[]).filter(({ type }) => type !== 'pid');
    config.linux.namespaces = [...others, { type: 'pid', path: `/proc/${pid}/ns/pid` }];
  });
  expect(await oci.make('create', '--bundle', joining, victim)).toEqual(MADE);
  await heard;
  await oci.done('start', victim);
  expect(results((await attacking).stdout)).toEqual(SEALED);
  await oci.done('delete', '--force', victim);
});

// the control is in oci-files.test.ts: a descriptor that the command line gives
test('CVE-2024-21626: an exec has no descriptor but the standard three, and no directory outside', async ({
  oci,
  volume,
}) => {
  const secret = join(volume, 'secret');
  writeFileSync(secret, 'secret');
  const descriptors = Array.from({ length: 20 }, (_, fd) => `/proc/self/fd/${fd}`);
  const prepared = (root: string) => symlinkSync('/proc/self/fd/7', join(root, 'link'));
  let began = 0;
  await withSleeper(oci, bind(compiled('leaked'), '/attack'), async (id) => {
    prepared((await oci.state(id)).rootfs as string);
    for (const cwd of ['/', '/proc/1/cwd', '/proc/1/root', '/proc/self/root', '/link', ...descriptors]) {
      const { stdout, stderr } = await oci.run('exec', '--cwd', cwd, id, '/attack', secret.slice(1));
      if (stdout === '') expect(stderr).toMatch(/chdir to .*: (ENOENT|ENOTDIR|EXDEV|EACCES)/);
      else expect(results(stdout)).toEqual({ descriptors: '0', 'by the working directory': 'ENOENT' });
      began += stdout === '' ? 0 : 1;
    }
  });
  expect(began).toBeGreaterThanOrEqual(3);
});

test('CVE-2025-52565: the terminal of an exec is made in a devpts only, and no link leads to it', async ({
  oci,
  volume,
}) => {
  const [pts, dev] = [join(volume, 'pts'), join(volume, 'dev')];
  for (const path of [pts, dev]) mkdirSync(path);
  symlinkSync('/proc/sysrq-trigger', join(pts, 'ptmx'));
  symlinkSync('/proc/sys/kernel', join(dev, 'pts'));
  const refused = async (change: Change, words: RegExp) =>
    withSleeper(oci, change, async (id) => {
      const { exitCode, stderr } = await oci.run('exec', '--tty', id, 'true');
      expect({ exitCode, stderr }).toEqual({ exitCode: 255, stderr: expect.stringMatching(words) });
    });
  await refused(bind(pts, '/dev/pts'), /terminal in \/dev\/pts: ENODEV/);
  await refused((config) => {
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'));
    bind(dev, '/dev')(config);
  }, /terminal in \/dev\/pts: ELOOP/);
  await withSleeper(oci, asIs, async (id) => {
    expect(await oci.done('exec', '--tty', id, 'tty')).toBe('/dev/pts/0'); // the control
  });
});
