import { describe, expect, it } from 'vitest';
import type { OciConfig } from '../../../../src/plan/oci/config.js';
import { ociExecOps } from '../../../../src/plan/oci/exec.js';
import { makeOciPlan } from '../../../../src/plan/oci/plan.js';
import { MountMaps, userSpaceOf } from '../../../../src/plan/oci/userns.js';
import { hostView } from './host-view.js';

const HOST = hostView({ available: [], missing: {} });
const MAP = [{ containerID: 0, hostID: 1000, size: 10 }];
const CONFIG: OciConfig = {
  ociVersion: '1.2.0',
  process: {
    user: { uid: 5, gid: 6 },
    args: ['sh'],
    cwd: '/',
    oomScoreAdj: 1,
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2 }],
  },
  root: { path: 'rootfs' },
  hostname: 'a',
  mounts: [
    { destination: '/data', type: 'bind', source: '/srv', options: ['rbind', 'ro', 'rslave'] },
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
  ],
  linux: {
    namespaces: [
      ...['mount', 'pid', 'uts', 'user', 'time'].map((type) => ({ type })),
      { type: 'network', path: '/run/netns/a' },
    ],
    uidMappings: MAP,
    gidMappings: MAP,
    sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.domainname': 'b' },
    devices: [{ path: '/dev/own', type: 'c', major: 1, minor: 5, uid: 3 }],
  },
};
const withLinux = (linux: OciConfig['linux']): OciConfig => ({ ...CONFIG, linux: { ...CONFIG.linux, ...linux } });
const planOf = (config = CONFIG) =>
  makeOciPlan(
    'x',
    config,
    HOST,
    { root: '/b/rootfs', mounts: ['/srv', undefined, undefined] },
    { cpu: {}, memory: {}, io: [] },
    { newKeyring: true, pivots: true, keptFds: 0, listenFds: 0, id: 'x', bundle: '/b' },
  );

it('a limit that does not exist is refused by its name with a user namespace, too', () => {
  const process = { ...CONFIG.process, rlimits: [{ type: 'RLIMIT_X', soft: 1, hard: 1 }] };
  expect(() => planOf({ ...CONFIG, process })).toThrow('process.rlimits[0].type "RLIMIT_X": there is no such limit');
});

describe('the plan with a user namespace', () => {
  const { boot, clone, userns } = planOf();
  const divided = boot.findIndex(({ name }) => name === 'be_born');
  const [first, second] = [boot.slice(0, divided), boot.slice(divided + 1)];
  const texts = (ops: typeof boot) => ops.map(({ text }) => text);

  it('has the maps, and clones into nothing but a mount namespace', () => {
    expect(userns?.uids).toEqual([{ container: 0, host: 1000, size: 10 }]);
    expect(clone.names).toEqual(['mount']);
    expect(boot[divided]?.text).toBe('go on in a child with new namespaces: mount, pid, uts');
  });

  it('does as root of the host what needs rights over the host', () => {
    expect(texts(first)).toEqual(
      expect.arrayContaining([
        'write 1 to /proc/self/oom_score_adj',
        'raise the hard limit RLIMIT_NOFILE to 2',
        'join the network namespace /run/netns/a',
        'set net.ipv4.ip_forward to 1',
        'new time namespace',
        'bind /b/rootfs on /root',
        'bind /srv on /mounts/0 (ro, rslave)',
        'mount cgroup2 on /mounts/2 (ro)',
      ]),
    );
    expect(first.find(({ strings: [path] }) => path === '/nodes/dev/own')?.numbers.slice(2)).toEqual([1003, 1000]);
    expect(first.slice(-2).map(({ text }) => text)).toEqual([
      'enter the user namespace as user 0, group 0',
      'hide from the processes of the container',
    ]);
  });

  it('then makes the root of what was put aside, in the order of the config', () => {
    const mounts = second.filter(({ name }) => name === 'mount' || name === 'bind');
    expect(texts(mounts).slice(0, 5)).toEqual([
      'bind root on root',
      'bind mounts/0 on /data',
      'mount proc on /proc',
      'bind mounts/2 on /cgroup',
      'bind nodes/dev/own on /dev/own',
    ]);
    expect(texts(second)).toEqual(expect.arrayContaining(['set the host name a', 'set kernel.domainname to b']));
    expect(second.map(({ name }) => name)).not.toContain('setns');
  });

  it.each([
    ['a new cgroup namespace, and its tree writable', {}, true],
    ['a joined user namespace', { user: { type: 'user', path: '/u' } }, true],
    ['the user namespace of the host', { user: undefined }, false],
    ['the cgroup namespace of the host', { cgroup: undefined }, false],
    ['its tree read-only', { options: ['nosuid', 'ro'] }, false],
    ['its tree read-only at first', { options: ['ro', 'rw'] }, true],
    ['its tree read-only by a remount', { remount: ['remount', 'bind', 'ro'] }, false],
    ['no such tree', { type: 'tmpfs' }, false],
  ])('gives the group to the user of the process, or not: %s', (_, change, isGiven) => {
    const { user, cgroup, type, options, remount } = {
      ...{ user: { type: 'user' }, cgroup: { type: 'cgroup' }, type: 'cgroup', options: [] as string[] },
      ...({ remount: undefined } as { remount: string[] | undefined }),
      ...change,
    };
    const isHost = user === undefined ? { uidMappings: [], gidMappings: [] } : {};
    const config = withLinux({
      namespaces: [{ type: 'mount' }, user ?? [], cgroup ?? []].flat(),
      sysctl: {},
      ...isHost,
    });
    const again = remount === undefined ? [] : [{ destination: '/cgroup', options: remount }];
    const mounts = [{ destination: '/cgroup', type, source: 'x', options }, ...again];
    expect(planOf({ ...config, hostname: '', mounts }).givesGroup).toBe(isGiven);
  });

  it.each([
    ['where the tree of its groups is writable', [], [{ type: 'user' }], true],
    ['there without a user namespace, too', [], [], true],
    ['not where it is read-only', ['ro'], [{ type: 'user' }], false],
  ])('bounds the groups that the container makes: %s', (_, options, user, isBound) => {
    const maps = user.length === 0 ? { uidMappings: [], gidMappings: [] } : {};
    const config = withLinux({ namespaces: [{ type: 'mount' }, { type: 'cgroup' }, ...user], sysctl: {}, ...maps });
    const mounts = [{ destination: '/cgroup', type: 'cgroup', source: 'x', options }];
    const { cgroup } = planOf({ ...config, hostname: '', mounts });
    const bounds = [
      { file: 'cgroup.max.depth', value: '32' },
      { file: 'cgroup.max.descendants', value: '2000' },
    ];
    expect(cgroup.writes).toEqual(isBound ? bounds : []);
  });

  it('enters it as the user of the process where the maps have no root', () => {
    const map = [{ containerID: 5, hostID: 1000, size: 2 }];
    const { boot: ops } = planOf(withLinux({ uidMappings: map, gidMappings: map, devices: [] }));
    expect(ops.find(({ name }) => name === 'join_user')?.numbers).toEqual([5, 6]);
  });

  it('joins one that has a path, and looks at no maps', () => {
    const namespaces = [{ type: 'mount' }, { type: 'user', path: '/proc/1/ns/user' }];
    const { boot: ops, userns: maps } = planOf({ ...withLinux({ namespaces, sysctl: {} }), hostname: '' });
    expect(ops.map(({ text }) => text)).toContain('join the user namespace /proc/1/ns/user');
    expect(maps).toEqual({ uids: [], gids: [] });
  });
});

it('an exec joins the user namespace after its limits, and before all that needs no right over the host', () => {
  const names = ociExecOps(CONFIG, () => []).map(({ name }) => name);
  expect(names.indexOf('join_user')).toBeGreaterThan(names.indexOf('rlimit'));
  expect(names.indexOf('join_user')).toBeLessThan(names.indexOf('account'));
});

describe('maps', () => {
  const many = (count: number, hostID: number) =>
    Array.from({ length: count }, (_, i) => ({ containerID: i, hostID: hostID + 2 * i, size: 1 }));

  it.each([
    ['one is missing', { gidMappings: [] }, 'linux.gidMappings: a new user namespace needs it'],
    ['there is no user namespace', { namespaces: [] }, 'linux.uidMappings: linux.namespaces needs a new one'],
    ['they overlap', { uidMappings: [...MAP, { containerID: 9, hostID: 1, size: 1 }] }, 'linux.uidMappings[1]'],
    ['an id is too large', { uidMappings: [{ hostID: 2 ** 32, size: 1 }] }, 'linux.uidMappings[0].hostID'],
    ['they end beyond all ids', { uidMappings: [{ hostID: 2 ** 32 - 2, size: 2 }] }, 'linux.uidMappings[0]'],
    ['there are too many', { uidMappings: many(341, 0) }, 'linux.uidMappings: the kernel takes at most 340'],
    ['they are too long', { uidMappings: many(300, 4_000_000_000) }, 'at most 4095 bytes'],
    ['they lack the user', { uidMappings: [{ size: 5 }] }, 'process.user.uid: linux.uidMappings has no id 5'],
    ['they lack the owner of a device', { devices: [{ path: '/dev/a', type: 'c', gid: 10 }] }, 'linux.devices[0].gid'],
  ])('are refused where %s', (_, linux, message) => {
    expect(() => userSpaceOf(withLinux(linux))).toThrow(message);
  });

  it('may have all ids', () => {
    const all = [{ containerID: 0, hostID: 0, size: 2 ** 32 - 1 }];
    expect(userSpaceOf(withLinux({ uidMappings: all, gidMappings: all }))?.maps.uids).toHaveLength(1);
  });

  it('of a mount may be in its option', () => {
    const item = { destination: '/a', type: 'bind', options: ['ridmap=uids=0-7-1#5-9-2;gids=0-8-3'] };
    const maps = new MountMaps({ mounts: [item] }, undefined);
    expect(maps.maps).toEqual([
      {
        uids: [
          { container: 0, host: 7, size: 1 },
          { container: 5, host: 9, size: 2 },
        ],
        gids: [{ container: 0, host: 8, size: 3 }],
      },
    ]);
    expect(maps.changesOf(item, 'm')).toMatchObject([{ recursive: true, userns: 6 }]);
  });

  it.each([
    ['idmap=', 'm.options "idmap=": uids has to be such as uids=0-100000-65536'],
    ['idmap=uids=0-1-2', 'gids has to be such as gids='],
    ['idmap=uids=@0-1-2;gids=0-1-2', 'uids has to be such as'],
    ['idmap=uids=0-1-0;gids=0-1-2', '[0].size: it has to be at least 1'],
  ])('of a mount are refused in the option %s', (word, message) => {
    const maps = new MountMaps({ mounts: [] }, undefined);
    const item = { destination: '/a', type: 'bind', options: [word] };
    expect(() => maps.changesOf(item, 'm')).toThrow(message);
    const map = [{ containerID: 0, hostID: 1, size: 2 }];
    const both = { ...item, options: ['idmap=uids=0-1-2;gids=0-1-2'], uidMappings: map, gidMappings: map };
    expect(() => maps.changesOf(both, 'm')).toThrow('leave one out');
  });

  it('of mounts are one for each different one', () => {
    const item = (size: number) => {
      const map = [{ containerID: 0, hostID: 7, size }];
      return { destination: '/a', type: 'bind', options: ['idmap'], uidMappings: map, gidMappings: map };
    };
    const mounts = [item(1), item(2), item(1)];
    const maps = new MountMaps({ mounts }, undefined);
    expect(maps.maps).toHaveLength(2);
    expect(mounts.map((each) => maps.changesOf(each, 'm')[0]?.userns)).toEqual([6, 7, 6]);
    expect(() => new MountMaps({ mounts: Array.from({ length: 18 }, (_, i) => item(i + 1)) }, undefined)).toThrow(
      'mounts: at most 17',
    );
  });
});
