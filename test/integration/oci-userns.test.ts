import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { host, PATIENCE } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { type BundleConfig, Oci } from './support/oci.js';
import { execSh } from './support/session.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

cleanUpDaemons();

const FIRST = 300_000;
const MAP = [{ containerID: 0, hostID: FIRST, size: 65_536 }];

function withUser(config: BundleConfig, map: object[] = MAP): void {
  (config.linux.namespaces as object[]).push({ type: 'user' });
  config.linux.uidMappings = map;
  config.linux.gidMappings = map;
}

/** A bundle with a user namespace, whose root belongs to the root of the container. */
async function bundleOf(oci: Oci, script: string, change: (config: BundleConfig) => void = () => {}) {
  const bundle = await oci.bundle(script, (config) => {
    withUser(config);
    change(config);
  });
  chownSync(join(bundle, 'rootfs'), FIRST, FIRST);
  return bundle;
}

/** Runs a script in a container with a user namespace, and gives the lines of its output. */
async function linesOf(oci: Oci, script: string, change?: (config: BundleConfig) => void) {
  const bundle = await bundleOf(oci, script, change);
  return (await oci.done('run', '--bundle', bundle, oci.id())).split('\n').map((line) => line.trim());
}

/** Gives the message of a create that has to fail. */
async function refusalOf(oci: Oci, change: (config: BundleConfig) => void) {
  const bundle = await oci.bundle('true', change);
  const { exitCode, message } = await oci.make('create', '--bundle', bundle, oci.id());
  expect({ exitCode, message }).not.toMatchObject({ exitCode: 0 });
  return message;
}

const withCapability = (config: BundleConfig, ...names: string[]) => {
  for (const set of ['bounding', 'effective', 'permitted'])
    (config.process.capabilities as Record<string, string[]>)[set]?.push(...names);
};

/** A directory that only root of the host can reach. */
function closedDirectory(files: string): string {
  const top = mkdtempSync(join(files, 'closed-'));
  const inner = join(top, 'inner');
  mkdirSync(inner);
  writeFileSync(join(inner, 'file'), 'reached\n');
  return inner;
}

const bound =
  (source: string, destination: string, ...options: string[]) =>
  (config: BundleConfig) => {
    config.mounts.push({ destination, type: 'bind', source, options });
  };

describe('a user namespace', { tags: 'vm' }, () => {
  test('maps the ids, and owns all other namespaces', async ({ oci }) => {
    const script =
      'id -u; tr -s " " </proc/self/uid_map; echo $$; hostname inside && hostname; ip link set lo mtu 1400';
    const lines = await linesOf(oci, script, (config) => withCapability(config, 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN'));
    expect(lines).toEqual(['0', `0 ${FIRST} 65536`, '1', 'inside']);
  });

  test('has ids of several ranges, and a user without root', async ({ oci }) => {
    const script = 'id -u; id -g; id -G; tr -s " " </proc/self/gid_map; touch /tmp/a; stat -c %u:%g /tmp/a';
    const lines = await linesOf(oci, script, (config) => {
      const map = [
        { containerID: 5, hostID: FIRST + 1000, size: 2 },
        { containerID: 100, hostID: FIRST, size: 50 },
      ];
      config.linux.uidMappings = map;
      config.linux.gidMappings = map;
      config.process.user = { uid: 5, gid: 6, additionalGids: [100] };
      config.mounts = config.mounts.filter(({ destination }) => !['/sys', '/dev/pts'].includes(destination));
      config.mounts.push({
        destination: '/tmp',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['mode=1777', 'uid=5', 'gid=6'],
      });
    });
    expect(lines).toEqual(['5', '6', '6 100', `5 ${FIRST + 1000} 2`, `100 ${FIRST} 50`, '5:6']);
  });

  test('shows a root and binds that only root of the host can reach, and files of the container as those of the mapped user', async ({
    oci,
    niwad,
  }) => {
    const closed = closedDirectory(niwad.place.files);
    const shared = join(closed, 'shared');
    mkdirSync(shared);
    chownSync(shared, FIRST, FIRST);
    const script = 'cat /closed/file; cat /closed-file; touch /shared/new; stat -c %u /shared/new /closed/file';
    const lines = await linesOf(oci, script, (config) => {
      bound(closed, '/closed', 'rbind', 'ro')(config);
      bound(join(closed, 'file'), '/closed-file', 'bind')(config);
      bound(shared, '/shared', 'bind')(config);
    });
    expect(lines).toEqual(['reached', 'reached', '0', '65534']);
    expect(statSync(join(shared, 'new')).uid).toBe(FIRST);
  });

  test('has the devices, the masks and the read-only paths of its config', async ({ oci }) => {
    const script =
      'echo x >/dev/null; head -c 3 /dev/zero | wc -c; stat -c "%F %t:%T %a %u:%g" /dev/null /dev/own /dev/fifo; ' +
      'ls -l /dev/fd /dev/ptmx | wc -l; wc -c </proc/keys; grep -o " /proc/sys ro" /proc/self/mountinfo';
    const lines = await linesOf(oci, script, ({ linux }) => {
      linux.devices = [
        { path: '/dev/own', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 1, gid: 2 },
        { path: '/dev/fifo', type: 'p', fileMode: 0o600, uid: 3 },
      ];
    });
    expect(lines).toEqual([
      '3',
      'character special file 1:3 666 0:0',
      'character special file 1:5 640 1:2',
      'fifo 0:0 600 3:0',
      '2',
      '0',
      '/proc/sys ro',
    ]);
  });

  test('gives a terminal to its user', async ({ oci }) => {
    const lines = await linesOf(oci, 'stat -c %u /dev/console $(tty); echo to-console >/dev/console', (config) => {
      config.process.terminal = true;
      config.process.user = { uid: 5, gid: 6 };
    });
    expect(lines).toEqual(['5', '5', 'to-console']);
  });

  test('takes settings, limits, the OOM score, a filter, clocks and the group tree', async ({ oci }) => {
    const script =
      'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ulimit -Hn; cat /proc/self/oom_score_adj; ' +
      'cut -d. -f1 /proc/uptime; grep -o "Seccomp:.*" /proc/self/status; grep ^0: /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs; ls -d /dev/mqueue';
    const lines = await linesOf(oci, script, (config) => {
      config.linux.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '99' };
      config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
      config.process.oomScoreAdj = 500;
      (config.linux.namespaces as object[]).push({ type: 'time' });
      config.linux.timeOffsets = { boottime: { secs: 1_000_000 } };
      config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
      config.process.noNewPrivileges = false;
    });
    expect(lines.slice(0, 3)).toEqual(['99', '200', '500']);
    expect(Number(lines[3])).toBeGreaterThan(1_000_000);
    expect(lines.slice(4)).toEqual(['Seccomp:\t2', '0::/', '/sys/fs/cgroup/cgroup.procs', '/dev/mqueue']);
  });

  test('locks the attributes and the mounts of the host, also against CAP_SYS_ADMIN', async ({
    oci,
    niwad,
    onTestFinished,
  }) => {
    const top = mkdtempSync(join(niwad.place.files, 'tree-'));
    await execa('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev', 'none', top]);
    onTestFinished(async () => void (await execa('umount', ['-R', top])));
    mkdirSync(join(top, 'below'));
    writeFileSync(join(top, 'below/covered'), '');
    await execa('mount', ['-t', 'tmpfs', 'none', join(top, 'below')]);
    const script =
      'mount -o remount,bind,rw /tree 2>&1 | grep -c denied; mount -o remount,bind,suid,ro /tree 2>&1 | grep -c denied; ' +
      'umount /tree/below 2>/dev/null; ls /tree/below; mkdir /own && mount -t tmpfs none /own && echo mounted';
    const lines = await linesOf(oci, script, (config) => {
      withCapability(config, 'CAP_SYS_ADMIN');
      config.root = { path: 'rootfs', readonly: false };
      bound(top, '/tree', 'rbind', 'ro')(config);
    });
    expect(lines).toEqual(['1', '1', 'mounted']);
  });

  test('keeps what is locked when it is mounted again', async ({ oci, niwad, onTestFinished }) => {
    const top = mkdtempSync(join(niwad.place.files, 'tree-'));
    await execa('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev', 'none', top]);
    onTestFinished(async () => void (await execa('umount', ['-R', top])));
    const lines = await linesOf(oci, 'grep " /tree " /proc/self/mountinfo; touch /tree/x 2>&1; true', (config) => {
      bound(top, '/tree', 'bind')(config);
      config.mounts.push({ destination: '/tree', options: ['remount', 'bind', 'ro', 'suid', 'dev'] });
    });
    expect(lines).toEqual([
      expect.stringMatching(/ \/tree ro,nosuid,nodev/),
      expect.stringContaining('Read-only file system'),
    ]);
  });

  test('shows the groups, the devices and the message queues of the host where it has no namespaces for them', async ({
    oci,
  }) => {
    const script =
      'ls /sys/fs/cgroup/cgroup.procs; ls -d /sys/class /dev/mqueue/.; mount -o remount,bind,rw /sys/fs/cgroup 2>&1 | grep -c denied';
    const lines = await linesOf(oci, script, (config) => {
      withCapability(config, 'CAP_SYS_ADMIN');
      config.linux.namespaces = ['pid', 'mount', 'uts', 'user'].map((type) => ({ type }));
    });
    expect(lines).toEqual(['/sys/fs/cgroup/cgroup.procs', '/dev/mqueue/.', '/sys/class', '1']);
  });

  test('gives its group to its user where it may write to the tree of its groups', async ({ oci, niwad }) => {
    const id = oci.id();
    const script =
      'cd /sys/fs/cgroup; mkdir below && echo 0 >below/cgroup.procs && grep -x 1 below/cgroup.procs >/tmp/in && exec sleep 1000';
    const withUserOf = (uid: number, options: string[]) => (config: BundleConfig) => {
      config.process.user = { uid, gid: 0 };
      config.mounts = config.mounts.filter(({ destination }) => destination !== '/sys/fs/cgroup');
      config.mounts.push(
        { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options },
        { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['mode=1777'] },
      );
    };
    const bundle = await bundleOf(oci, script, withUserOf(7, ['nosuid']));
    expect(await oci.make('create', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
    const { cgroup = '' } = (await niwad.client.list()).find((one) => one.oci?.id === id) ?? {};
    const ownerOf = (name: string) => statSync(join(cgroup, name)).uid - FIRST;
    expect(['.', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'].map(ownerOf)).toEqual([7, 7, 7, 7]);
    expect(['cgroup.kill', 'cgroup.max.depth', 'cgroup.freeze'].map(ownerOf)).toEqual([-FIRST, -FIRST, -FIRST]);
    await oci.done('start', id);
    await vi.waitFor(async () => expect(await oci.done('exec', id, 'cat', '/tmp/in')).toBe('1'), PATIENCE);
    await oci.done('delete', '--force', id);
    expect(existsSync(cgroup)).toBe(false);
    const readonly = await bundleOf(oci, 'stat -c %u /sys/fs/cgroup/cgroup.procs', withUserOf(7, ['ro']));
    expect(await oci.done('run', '--bundle', readonly, oci.id())).toBe('65534');
  });

  test('works without a pivot, and where it says that mounts propagate', async ({ oci }) => {
    const bundle = await bundleOf(oci, 'ls -d /usr', ({ linux }) => {
      linux.rootfsPropagation = 'rslave';
    });
    expect(await oci.done('run', '--no-pivot', '--bundle', bundle, oci.id())).toBe('/usr');
    const shared = await linesOf(oci, 'ls -d /usr', ({ linux }) => {
      linux.rootfsPropagation = 'shared';
    });
    expect(shared).toEqual(['/usr']);
  });

  test('keeps the errors of its steps', async ({ oci }) => {
    const bundle = await bundleOf(oci, 'true', ({ process }) => {
      process.args = ['/no/such'];
    });
    const { exitCode, message } = await oci.make('run', '--bundle', bundle, oci.id());
    expect([exitCode === 0, message]).toEqual([false, expect.stringContaining('no such file')]);
  });

  test('is refused by its field where the maps cannot be', async ({ oci }) => {
    const refused = (maps: [object[], object[]], change: (config: BundleConfig) => void = () => {}) =>
      refusalOf(oci, (config) => {
        withUser(config);
        [config.linux.uidMappings, config.linux.gidMappings] = maps;
        change(config);
      });
    expect(await refused([[], MAP])).toContain('linux.uidMappings: a new user namespace needs it');
    expect(await refused([MAP, [...MAP, ...MAP]])).toContain('linux.gidMappings[1]');
    expect(await refused([[{ containerID: 0, hostID: -1, size: 1 }], MAP])).toContain('linux.uidMappings[0].hostID');
    expect(await refused([[{ containerID: 0, hostID: 1, size: 0 }], MAP])).toContain('linux.uidMappings[0].size');
    const user = { uid: 70_000, gid: 0 };
    expect(await refused([MAP, MAP], (config) => Object.assign(config.process, { user }))).toContain(
      'process.user.uid',
    );
    expect(
      await refusalOf(oci, ({ linux }) => {
        linux.uidMappings = MAP;
      }),
    ).toContain('linux.uidMappings');
  });
});

describe('exec', () => {
  test('enters the user namespace, with the limits of root of the host', async ({ oci }) => {
    const id = oci.id();
    const bundle = await bundleOf(oci, 'exec sleep 1000', ({ process }) => {
      process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
    });
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
    const script =
      'id -u; tr -s " " </proc/self/uid_map; ulimit -Hn; grep CapEff /proc/self/status; readlink /proc/self/ns/user /proc/1/ns/user';
    const lines = (await oci.done('exec', id, 'sh', '-c', script)).split('\n').map((line) => line.trim());
    expect(lines.slice(0, 3)).toEqual(['0', `0 ${FIRST} 65536`, '200']);
    expect(lines[3]).toMatch(/CapEff:\t0000000020000420/);
    expect(lines[4]).toBe(lines[5]);
    expect(await oci.done('exec', '--user', '7:8', '--tty', id, 'sh', '-c', 'id -u; stat -c %u $(tty)')).toBe('7\r\n7');
    expect((await oci.run('exec', '--user', '70000', id, 'true')).stderr).toContain('process.user.uid');
    expect(JSON.parse(await oci.done('ps', '--format', 'json', id))).toHaveLength(1);
    await oci.done('kill', id, 'KILL');
    await oci.done('delete', '--force', id);
  });

  test('of niwa itself does so, too', async ({ oci, niwad }) => {
    const bundle = await bundleOf(oci, 'exec sleep 1000');
    await oci.make('run', '--detach', '--bundle', bundle, 'niwa-exec');
    const [{ id = '', userns } = {}] = await niwad.client.list();
    expect(userns).toEqual({
      uids: [{ container: 0, host: FIRST, size: 65_536 }],
      gids: [{ container: 0, host: FIRST, size: 65_536 }],
    });
    expect(await execSh(niwad, id, 'id -u; tr -s " " </proc/self/uid_map')).toBe(`0\n 0 ${FIRST} 65536`);
    await oci.done('delete', '--force', 'niwa-exec');
  });
});

describe('a container with a user namespace', () => {
  test('is kept over a restart of niwad, and ends with its group', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const bundle = await bundleOf(oci, 'exec sleep 1000');
    expect(await oci.make('create', '--bundle', bundle, 'kept')).toEqual({ exitCode: 0, message: '' });
    const before = await oci.state('kept');
    await first.stop('SIGKILL');
    await startDaemon(place);
    expect(await oci.state('kept')).toEqual(before);
    await oci.done('start', 'kept');
    expect(await oci.done('exec', 'kept', 'sh', '-c', 'id -u; cat /proc/1/comm')).toBe('0\nsleep');
    await oci.done('pause', 'kept');
    await oci.done('resume', 'kept');
    await oci.done('kill', 'kept', 'KILL');
    await vi.waitFor(async () => expect((await oci.state('kept')).status).toBe('stopped'), PATIENCE);
    await oci.done('delete', 'kept');
    expect(isAlive(before.pid)).toBe(false);
  });

  test('shares its namespaces with another one that joins them', async ({ oci }) => {
    const id = oci.id();
    const bundle = await bundleOf(oci, 'exec sleep 1000');
    await oci.make('run', '--detach', '--bundle', bundle, id);
    const { pid } = await oci.state(id);
    const script =
      'tr -s " " </proc/self/uid_map; readlink /proc/self/ns/user /proc/self/ns/net /proc/self/ns/ipc; cat /proc/sys/net/ipv4/ip_unprivileged_port_start';
    const own = await linesOf(oci, script, ({ linux }) => {
      linux.namespaces = [
        ...['pid', 'mount', 'uts', 'cgroup'].map((type) => ({ type })),
        ...['network', 'ipc', 'user'].map((type) => ({
          type,
          path: `/proc/${pid}/ns/${type === 'network' ? 'net' : type}`,
        })),
      ];
      linux.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '77' };
    });
    const spaces = ['user', 'net', 'ipc'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
    expect(own).toEqual([`0 ${FIRST} 65536`, ...spaces, '77']);
    await oci.done('delete', '--force', id);
  });
});

test('a container with a user namespace joins the PID namespace of one without', async ({ oci }) => {
  const [first, second] = [oci.id(), oci.id()];
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000'), first);
  const { pid } = await oci.state(first);
  const bundle = await bundleOf(oci, 'exec sleep 2000', ({ linux, mounts }) => {
    const others = (linux.namespaces as { type: string }[]).filter(({ type }) => type !== 'pid');
    linux.namespaces = [...others, { type: 'pid', path: `/proc/${pid}/ns/pid` }];
    // its root has no rights over this PID namespace, which a new proc would need; that of the host shows it, too
    mounts.splice(0, mounts.length, ...mounts.filter(({ type }) => type !== 'proc'));
    mounts.push({ destination: '/proc', type: 'bind', source: '/proc', options: ['rbind'] });
  });
  expect(await oci.make('run', '--detach', '--bundle', bundle, second)).toEqual({ exitCode: 0, message: '' });
  const seen = await oci.done('exec', second, 'sh', '-c', 'tr -s " " </proc/self/uid_map');
  expect(seen.trim()).toBe(`0 ${FIRST} 65536`);
  const own = await oci.state(second);
  expect(readlinkSync(`/proc/${own.pid}/ns/pid`)).toBe(readlinkSync(`/proc/${pid}/ns/pid`));
  expect(readlinkSync(`/proc/${own.pid}/ns/user`)).not.toBe(readlinkSync(`/proc/${pid}/ns/user`));
  await oci.done('kill', second, 'KILL');
  await oci.stopped(second);
  expect(await oci.state(first)).toMatchObject({ status: 'running' });
  for (const id of [second, first]) await oci.done('delete', '--force', id);
});

describe('a bind with mapped ids', { tags: 'vm' }, () => {
  const cleanUp: string[] = [];
  afterAll(() => {
    for (const directory of cleanUp) rmSync(directory, { recursive: true });
  });

  /** A directory with a file of a user on disk. */
  const owned = (files: string, uid: number) => {
    const directory = mkdtempSync(join(host.scratchDisk ?? files, 'owned-')); // a file system that can map ids
    cleanUp.push(directory);
    chmodSync(directory, 0o777);
    writeFileSync(join(directory, 'file'), '');
    chownSync(join(directory, 'file'), uid, uid);
    return directory;
  };

  test('shows the files as maps of its own say, without a user namespace and with one', async ({ oci, niwad }) => {
    const directory = owned(niwad.place.files, 7);
    const map = [{ containerID: 0, hostID: FIRST, size: 100 }];
    const mapped = (config: BundleConfig) => {
      config.mounts.push({
        ...{ destination: '/mapped', type: 'bind', source: directory, options: ['bind', 'idmap'] },
        ...{ uidMappings: map, gidMappings: map },
      });
    };
    const bundle = await oci.bundle('stat -c %u:%g /mapped/file', mapped);
    expect(await oci.done('run', '--bundle', bundle, oci.id())).toBe(`${FIRST + 7}:${FIRST + 7}`);
    const lines = await linesOf(oci, 'stat -c %u:%g /mapped/file; touch /mapped/new', mapped);
    expect(lines).toEqual(['7:7']);
    expect(statSync(join(directory, 'new')).uid).toBe(0); // root of the container, by the map of the mount
  });

  test('shows them by the maps of the container, also below it with ridmap', async ({ oci, niwad, onTestFinished }) => {
    const directory = owned(niwad.place.files, 7);
    const below = join(directory, 'below');
    mkdirSync(below);
    const other = owned(niwad.place.files, 8);
    await execa('mount', ['--bind', other, below]);
    onTestFinished(async () => void (await execa('umount', [below])));
    const seen = (...options: string[]) =>
      linesOf(oci, 'stat -c %u /m/file /m/below/file', bound(directory, '/m', ...options));
    expect(await seen('rbind', 'idmap')).toEqual(['7', '65534']);
    expect(await seen('rbind', 'ridmap')).toEqual(['7', '8']);
    expect(await refusalOf(oci, bound(directory, '/m', 'rbind', 'idmap'))).toContain('mounts[8].options "idmap"');
  });
});
