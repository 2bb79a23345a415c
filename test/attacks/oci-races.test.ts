// Techniques of roots and volumes that lead the runtime astray, also while they change, against the containers of
// engines. The controls, careless runtimes, are in the files of the CVEs.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import type { Oci } from '../integration/support/oci.js';
import { compiled, type Results, results } from './attack.js';
import { asIs, bind, both, bundleOf, type Change, inUserNamespace, test, withoutMounts } from './oci-attack.js';

const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const ROUNDS = 15;

const hasTerminal: Change = ({ process }) => {
  process.terminal = true;
};

/** Makes a bundle that says what these paths are in its container; `prepare` gets its root. */
async function looking(oci: Oci, paths: readonly string[], change: Change, prepare: (root: string) => void) {
  const bundle = await bundleOf(oci, 'what', paths, change);
  prepare(join(bundle, 'rootfs'));
  return bundle;
}

/** Runs the container of a bundle again and again, while two paths are exchanged; gives what it found each time. */
async function amidSwaps(oci: Oci, bundle: string, one: string, other: string): Promise<Results[]> {
  const found: Results[] = [];
  const swap = execa(compiled('swap'), [one, other], { reject: false });
  try {
    for (let round = 0; round < ROUNDS; round++)
      found.push(results((await oci.run('run', '--bundle', bundle, oci.id())).stdout));
  } finally {
    swap.kill();
    await swap;
  }
  return found;
}

describe('CVE-2021-30465:', () => {
  /** A shared volume in which `target` is, or becomes, a link to a directory of the host that a later mount takes. */
  async function victim(oci: Oci, volume: string, target: string) {
    const [shared, host] = [join(volume, 'shared'), join(volume, 'host')];
    for (const path of [shared, host, join(shared, 'target')]) mkdirSync(path);
    writeFileSync(join(host, 'file'), 'of the host');
    symlinkSync(host, join(shared, 'link'));
    const mounts = both(
      bind(shared, '/shared'),
      ({ mounts: all }) => void all.push({ destination: `/shared/${target}`, type: 'tmpfs', source: 'tmpfs' }),
      bind(host, '/check'),
    );
    const paths = [`/shared/${target}`, '/check', '/check/file'];
    const bundle = await looking(oci, paths, mounts, (root) => mkdirSync(join(root, host), { recursive: true }));
    return { bundle, shared };
  }

  test('a mount target that is a symlink stays inside the root', async ({ oci, volume }) => {
    const { bundle } = await victim(oci, volume, 'link');
    expect(results(await oci.done('run', '--bundle', bundle, oci.id()))).toEqual({
      '/shared/link': 'tmpfs',
      '/check': 'files',
      '/check/file': 'files',
    });
  });

  test('also while it is exchanged', async ({ oci, volume }) => {
    const { bundle, shared } = await victim(oci, volume, 'target');
    const rounds = await amidSwaps(oci, bundle, join(shared, 'target'), join(shared, 'link'));
    const began = rounds.filter((found) => Object.keys(found).length > 0);
    expect(began).not.toEqual([]);
    for (const found of began) expect(found).toMatchObject({ '/check': 'files', '/check/file': 'files' });
  });
});

describe('CVE-2025-31133:', () => {
  test.for([
    ['', asIs],
    [', with a user namespace', inUserNamespace(0)],
  ] as const)('while /proc is exchanged, none is left without masks%s', async ([, change], { oci }) => {
    const files = ['a', 'b'].flatMap((name) => ['keys', 'sys', 'sysrq-trigger'].map((file) => `/${name}/${file}`));
    let root = '';
    const bundle = await looking(oci, files, change, (path) => {
      root = path;
      for (const [name, link] of Object.entries({ a: 'proc', b: 'other' })) {
        mkdirSync(join(root, name));
        symlinkSync(`/${name}`, join(root, link));
      }
    });
    const rounds = await amidSwaps(oci, bundle, join(root, 'proc'), join(root, 'other'));
    const seen = new Set(rounds.flatMap((found) => Object.values(found)));
    expect(seen).toContain('read-only procfs');
    expect(seen).not.toContain('procfs');
  });
});

describe('CVE-2025-52565:', () => {
  const ownDevices = withoutMounts((destination) => destination === '/dev');
  const linked = (name: string, to: string) => (root: string) => {
    mkdirSync(join(root, 'dev'));
    symlinkSync(to, join(root, 'dev', name));
  };

  test('a terminal is not shown where a link at /dev/console leads', async ({ oci }) => {
    const change = both(hasTerminal, ownDevices);
    const bundle = await looking(oci, [CORE_PATTERN], change, linked('console', CORE_PATTERN));
    const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect(stdout).toBe('');
    expect(stderr).toMatch(/terminal.*ELOOP/);
  });

  test('a terminal is not taken where a link at /dev/pts leads', async ({ oci }) => {
    const paths = [CORE_PATTERN, '/proc/sysrq-trigger', '/proc/keys'];
    const run = async (change: Change) => {
      const bundle = await looking(oci, paths, both(change, ownDevices), linked('pts', '/proc/sys/kernel'));
      return await oci.run('run', '--bundle', bundle, oci.id());
    };
    const found = Object.values(results((await run(asIs)).stdout));
    expect(found).toHaveLength(paths.length);
    for (const what of found) expect(['ENOENT', 'null device', 'read-only procfs']).toContain(what);
    expect(await run(hasTerminal)).toMatchObject({ stdout: '', stderr: expect.stringMatching(/terminal.*ELOOP/) });
  });
});

describe('CVE-2025-52881:', () => {
  const PORT_START = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
  const WRITTEN = ['self/oom_score_adj', 'thread-self/oom_score_adj', 'sys/net/ipv4/ip_unprivileged_port_start'];

  /** A /proc in which everything that a runtime writes leads to the victim. */
  function fakeProc(volume: string) {
    const [proc, victim] = [join(volume, 'proc'), join(volume, 'victim')];
    writeFileSync(victim, 'as it was');
    for (const name of WRITTEN) {
      mkdirSync(dirname(join(proc, name)), { recursive: true });
      symlinkSync('/volume/victim', join(proc, name));
    }
    return { proc, victim };
  }

  test('settings go to the kernel, those of an exec, too, not where a prepared /proc leads', async ({
    oci,
    volume,
  }) => {
    const { proc, victim } = fakeProc(volume);
    const oomOf = (pid: number | string) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8');
    const id = oci.id();
    const bundle = await oci.bundle('exec sleep 1000', (config) => {
      both(bind(volume, '/volume'), bind(proc, '/proc'))(config);
      config.process.oomScoreAdj = 321;
      config.linux.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '81' };
    });
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toMatchObject({ exitCode: 0 });
    const { pid } = await oci.state(id);
    expect(oomOf(pid)).toBe('321\n');
    const { stdout } = await execa('nsenter', ['--target', String(pid), '--net', 'cat', PORT_START]);
    expect(stdout).toBe('81');

    const { process } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
    const [file, pidFile] = [join(bundle, 'process.json'), join(bundle, 'pid')];
    writeFileSync(file, JSON.stringify({ ...process, oomScoreAdj: 322 }));
    const made = await oci.make('exec', '--detach', '--process', file, '--pid-file', pidFile, id);
    expect(made).toMatchObject({ exitCode: 0 });
    expect(oomOf(readFileSync(pidFile, 'utf8'))).toBe('322\n');
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    await oci.done('delete', '--force', id);
  });
});
