import { describe, expect, it } from 'vitest';
import { USUAL_DEVICES } from '../../../../src/plan/devices.js';
import type { OciConfig } from '../../../../src/plan/oci/config.js';
import { ociExecOps } from '../../../../src/plan/oci/exec.js';
import { groupPathOf } from '../../../../src/plan/oci/group.js';
import { makeOciPlan, type OciChoices } from '../../../../src/plan/oci/plan.js';
import { boundsOfGroups, ociDevices, ociLimitWrites, weightOf } from '../../../../src/plan/oci/resources.js';
import { hostView } from './host-view.js';

const CONTROLLERS = { available: ['cpu', 'cpuset', 'memory', 'pids', 'io'], missing: {} };
const HOST = hostView(CONTROLLERS);
const CONFIG: OciConfig = {
  ociVersion: '1.2.0',
  process: { user: { uid: 5, gid: 6 }, args: ['sh'], env: ['PATH=/bin'], cwd: '/' },
  root: { path: 'rootfs', readonly: true },
  mounts: [
    { destination: '/data', type: 'bind', source: '/srv', options: ['rbind', 'ro'] },
    { destination: '/proc', type: 'proc', source: 'proc' },
  ],
  linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'network', path: '/run/netns/a' }] },
};
const RESOURCES = { cpu: {}, memory: {}, io: [] };
const CHOICES: OciChoices = { id: 'ours', bundle: '/b', newKeyring: true, pivots: true, keptFds: 0, listenFds: 0 };
const planOf = (change: Partial<OciConfig> = {}, choices: Partial<OciChoices> = {}) => {
  const sources = { root: '/b/rootfs', mounts: ['/real', '/real'] };
  return makeOciPlan('x', { ...CONFIG, ...change }, HOST, sources, RESOURCES, { ...CHOICES, ...choices });
};
const steps = (change: Partial<OciConfig> = {}) => planOf(change).boot.map(({ name }) => name);
const withProcess = (change: Partial<OciConfig['process']>) => ({ process: { ...CONFIG.process, ...change } });

describe('the plan of a config', () => {
  it('mounts exactly what is listed, in its order, from the real paths', () => {
    const texts = planOf()
      .boot.filter(({ name }) => name === 'mount' || name === 'bind')
      .map(({ text }) => text);
    expect(texts).toEqual(['bind /b/rootfs on /stage', 'bind /real on /data (ro)', 'mount proc on /proc']);
  });

  it('clones into the namespaces that have no path, and joins the others first', () => {
    const { clone, boot } = planOf();
    expect(clone.names).toEqual(['mount', 'pid']);
    expect(boot[1]?.text).toBe('join the network namespace /run/netns/a');
  });

  it('gives the streams to the user while the process has the rights of the host, except for a terminal', () => {
    expect(steps()[0]).toBe('own_streams');
    expect(steps({ process: { ...CONFIG.process, terminal: true } })).not.toContain('own_streams');
  });

  it('goes on in a child where it joins a PID namespace, and hides from it', () => {
    const namespaces = [{ type: 'mount' }, { type: 'pid', path: '/p' }];
    const { clone, boot } = planOf({ linux: { namespaces } });
    expect(clone.names).toEqual(['mount']);
    const names = boot.map(({ name }) => name);
    const first = names.indexOf('setns');
    expect(names.slice(first, first + 3)).toEqual(['setns', 'undumpable', 'be_born']);
    expect(first).toBeLessThan(names.indexOf('bind'));
    expect(names.lastIndexOf('undumpable')).toBe(names.indexOf('user') + 1);
  });

  it('joins a mount namespace last, and mounts nothing in it', () => {
    const namespaces = [
      { type: 'mount', path: '/m' },
      { type: 'uts', path: '/u' },
    ];
    const { boot } = planOf({ linux: { namespaces }, mounts: [], root: { path: 'r' }, hostname: 'a' });
    const texts = boot.map(({ text }) => text);
    const first = texts.indexOf('join the uts namespace /u');
    expect(texts.slice(first, first + 4)).toEqual([
      'join the uts namespace /u',
      'set the host name a',
      'join the mount namespace /m',
      'take /b/rootfs as the root',
    ]);
    expect(texts).toContain('chroot into it');
    expect(boot.filter(({ name }) => /mount|bind/.test(name))).toEqual([]);
  });

  it.each([
    [['ro'], true],
    [['rw', 'ro'], true],
    [['ro', 'rw'], false],
  ])('with the options %j closes a new /dev when all is in it: %j', (options, closes) => {
    const { boot } = planOf({ mounts: [{ destination: '/dev', type: 'tmpfs', options }] });
    expect(boot.map(({ text }) => text).includes('remount /dev (ro)')).toBe(closes);
  });

  const BOUND_DEV = { destination: '/dev', type: 'bind', source: '/dev', options: ['bind'] };
  const TMPFS_DEV = { destination: '/dev', type: 'tmpfs', options: ['ro'] };
  const READ_ONLY_DEV = { destination: '/dev', options: ['remount', 'bind', 'ro'] };
  it.each([
    [BOUND_DEV, READ_ONLY_DEV, ['bind /real on /dev', 'remount /dev (ro)']],
    [READ_ONLY_DEV, BOUND_DEV, ['remount /dev (ro)', 'bind /real on /dev']],
    [TMPFS_DEV, BOUND_DEV, ['mount tmpfs on /dev (ro)', 'bind /real on /dev']],
    [{ destination: '/dev', type: 'devtmpfs' }, READ_ONLY_DEV, ['mount devtmpfs on /dev', 'remount /dev (ro)']],
  ])('with %j and %j makes nothing in the /dev of the host, and closes at its turn', (first, second, texts) => {
    const { boot } = planOf({ root: { path: 'rootfs' }, mounts: [first, second] });
    const made = boot.filter(({ name }) => /^(mount|bind|mknod|symlink|remount_root)$/.test(name));
    expect(made.map(({ text }) => text)).toEqual(['bind /b/rootfs on /stage', ...texts]);
  });

  it('closes a new /dev once, whatever says so', () => {
    const { boot } = planOf({ mounts: [TMPFS_DEV, READ_ONLY_DEV] });
    const texts = boot.map(({ text }) => text).filter((text) => /^(remount|mknod) \/dev( |\/console|$)/.test(text));
    expect(texts.map((text) => text.split(' (')[0])).toEqual(['remount /dev', 'mknod /dev/console', 'remount /dev']);
  });

  it('makes the root read-only after all that is made in it, and looks for the program before the wait', () => {
    const names = steps();
    expect(names.indexOf('remount_root')).toBeGreaterThan(names.lastIndexOf('mknod'));
    expect(names.indexOf('remount_root')).toBeLessThan(names.indexOf('pivot'));
    expect(names.indexOf('find_program')).toBe(names.indexOf('wait') - 1);
  });

  it('sets a filter last with noNewPrivileges, and before the change of user without', () => {
    const linux = { ...CONFIG.linux, seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } };
    const last = steps({ linux, ...withProcess({ noNewPrivileges: true }) });
    expect(last.indexOf('seccomp')).toBeGreaterThan(last.indexOf('wait'));
    const early = steps({ linux });
    expect(early.indexOf('seccomp')).toBeLessThan(early.indexOf('user'));
    expect(early).not.toContain('no_new_privs');
  });

  it('keeps the sets of capabilities apart, and adds groups', () => {
    const { boot } = planOf(
      withProcess({
        user: { uid: 5, gid: 6, additionalGids: [7, 8] },
        capabilities: { bounding: ['CAP_KILL', 'CAP_CHOWN'], permitted: ['CAP_KILL'], inheritable: ['CAP_CHOWN'] },
      }),
    );
    const numbersOf = (wanted: string) => boot.find(({ name }) => name === wanted)?.numbers;
    expect(numbersOf('capbset')).toEqual([0x21n]);
    expect(numbersOf('capset')).toEqual([0n, 1n, 0n, 0x20n]);
    expect(numbersOf('user')).toEqual([5, 6, 7, 8]);
  });

  it('makes only those capabilities ambient that are permitted and inheritable, too', () => {
    const [kill, both] = [['CAP_KILL'], ['CAP_KILL', 'CAP_CHOWN']];
    const ambientOf = (permitted: string[], inheritable: string[]) =>
      planOf(withProcess({ capabilities: { permitted, inheritable, ambient: both } })).boot.find(
        ({ name }) => name === 'capset',
      )?.numbers[2];
    expect(ambientOf(both, both)).toBe(0x21n);
    expect([ambientOf(both, kill), ambientOf(kill, both)]).toEqual([0x20n, 0x20n]);
    expect(ambientOf(both, [])).toBe(0n);
  });

  it('labels the program just before the pivot, and new file systems', () => {
    const { boot } = planOf({
      ...withProcess({ apparmorProfile: 'strict', selinuxLabel: 'a:b:c:s0' }),
      mounts: [...(CONFIG.mounts ?? []), { destination: '/tmp', type: 'tmpfs', options: ['nosuid'] }],
      linux: { ...CONFIG.linux, mountLabel: 'a:b:d:s0:c1,c2' },
    });
    const pivotAt = boot.findIndex(({ name }) => name === 'pivot');
    expect(boot.slice(pivotAt - 2, pivotAt).map(({ strings }) => strings)).toEqual([
      ['/proc/self/attr/apparmor/exec', 'exec strict'],
      ['/proc/self/attr/exec', 'a:b:c:s0'],
    ]);
    const dataOf = (target: string) => boot.find(({ strings }) => strings[2] === target)?.strings.slice(3);
    expect([dataOf('/tmp'), dataOf('/proc')]).toEqual([['context=a:b:d:s0:c1,c2'], []]);
  });

  it('sets limits of 64 bits exactly', () => {
    const hard = 2n ** 64n - 1n;
    const { boot } = planOf(withProcess({ rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard }] }));
    expect(boot.find(({ name }) => name === 'rlimit')?.numbers).toEqual([7, 1024, hard]);
  });

  it('lets mounts of the host in, out, or neither, as rootfsPropagation says', () => {
    const texts = (rootfsPropagation: string, mounts = CONFIG.mounts ?? []) =>
      planOf({ mounts, linux: { ...CONFIG.linux, rootfsPropagation } })
        .boot.filter(({ name }) => ['propagation', 'private_above', 'pivot'].includes(name))
        .map(({ text }) => text);
    const pivots = 'pivot_root into it and detach the host';
    expect(texts('')).toEqual(['make all mounts private', pivots]);
    expect(texts('rslave')).toEqual(['let no mount out, but those of the host in', pivots, 'make / rslave']);
    expect(texts('shared')).toEqual([
      'make the mount that has /stage private',
      `${pivots}, here alone`,
      'make / shared',
    ]);
    const slave = [{ destination: '/data', type: 'bind', source: '/srv', options: ['rbind', 'rslave'] }];
    expect(texts('', slave)[0]).toBe('let no mount out, but those of the host in');
  });

  it('writes settings of its own namespaces, and refuses those of the host', () => {
    const withSettings = (...names: string[]) =>
      planOf({ linux: { ...CONFIG.linux, sysctl: Object.fromEntries(names.map((name) => [name, '1'])) } });
    expect(withSettings('net.ipv4.ip_forward').boot.map(({ text }) => text)).toContain('set net.ipv4.ip_forward to 1');
    const names = ['kernel.core_pattern', 'vm.swappiness', 'net./../kernel/core_pattern', 'net...kernel', 'kernel'];
    for (const name of names) expect(() => withSettings(name), name).toThrow('it belongs to no namespace');
    expect(() => withSettings('kernel.msgmax')).toThrow('linux.namespaces needs ipc');
    expect(() => withSettings('kernel.domainname')).toThrow('linux.namespaces needs uts');
  });

  it('refuses two limits of one type', () => {
    const limit = { type: 'RLIMIT_CORE', soft: 0, hard: 0 };
    expect(() => planOf(withProcess({ rlimits: [limit, limit] }))).toThrow('RLIMIT_CORE is listed twice');
  });

  it('sets the clocks of a time namespace before it is in it', () => {
    const namespaces = [{ type: 'mount' }, { type: 'time' }];
    const timeOffsets = { monotonic: { secs: 5, nanosecs: 7 }, boottime: { secs: -3 } };
    const { clone, boot } = planOf({ linux: { namespaces, timeOffsets } });
    expect(clone.names).toEqual(['mount']);
    expect(boot.slice(1, 4).map(({ text }) => text)).toEqual([
      'new time namespace',
      'write monotonic 5 7\nboottime -3 0\n to /proc/self/timens_offsets',
      'join the time namespace /proc/self/ns/time_for_children',
    ]);
  });

  it('makes devices of all types, with their owners, and none in the /dev of the host', () => {
    const devices = [
      { path: '/dev/disk', type: 'b', major: 259, minor: 300, fileMode: 0o640, uid: 1, gid: 2 },
      { path: '/dev/fifo', type: 'p' },
    ];
    const nodes = (mounts: OciConfig['mounts'] = []) =>
      planOf({ mounts, linux: { ...CONFIG.linux, devices } }).boot.filter(({ name }) => name === 'mknod');
    expect(nodes().map(({ numbers }) => numbers)).toEqual(
      expect.arrayContaining([
        [0o060640, (300 & 0xff) + (259 << 8) + (1 << 20), 1, 2],
        [0o010666, 0, 0, 0],
      ]),
    );
    expect(nodes([{ destination: '/dev/', type: 'bind', source: '/dev', options: ['rbind'] }])).toEqual([]);
  });

  it('shows a terminal at /dev/console while it still may mount', () => {
    const names = steps(withProcess({ terminal: true }));
    expect(names.indexOf('terminal')).toBeGreaterThan(names.indexOf('setsid'));
    expect(names.indexOf('terminal')).toBeLessThan(names.indexOf('capbset'));
  });

  it('passes descriptors on, and tells of sockets', () => {
    const { boot } = planOf({}, { keptFds: 3, listenFds: 2 });
    expect(boot.find(({ name }) => name === 'keep_fds')?.numbers).toEqual([3]);
    expect(boot.at(-1)?.strings).toEqual(expect.arrayContaining(['LISTEN_FDS=2', 'LISTEN_PID=1']));
    expect(boot.map(({ name }) => name)).not.toContain('close_fds');
    const process = { ...CONFIG.process, env: ['LISTEN_FDS=9', 'LISTEN_PID=9', 'A=LISTEN_FDS=9'] };
    const env = planOf({ process }, { keptFds: 3, listenFds: 2 }).boot.at(-1)?.strings;
    expect(env?.filter((entry) => entry.includes('LISTEN'))).toEqual([
      'A=LISTEN_FDS=9',
      'LISTEN_FDS=2',
      'LISTEN_PID=1',
    ]);
  });

  it('keeps the keyring, and moves the root, where the command line says so', () => {
    const { boot } = planOf({}, { newKeyring: false, pivots: false });
    expect(boot.find(({ name }) => name === 'setsid')?.numbers).toEqual([1]);
    expect(boot.find(({ name }) => name === 'pivot')?.text).toBe(
      'hide /proc and /sys of the host, move the root over that of the host, and chroot',
    );
  });

  it('sets a filter with its flags', () => {
    const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_LOG'] };
    const { boot } = planOf({ linux: { ...CONFIG.linux, seccomp } });
    expect(boot.find(({ name }) => name === 'seccomp_flags')?.numbers).toEqual([2, 1n]);
  });

  it('sets a filter that asks an agent before the wait, when the command is still there', () => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      flags: ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    };
    const linux = { ...CONFIG.linux, seccomp };
    const { boot } = planOf({ linux, ...withProcess({ noNewPrivileges: true }) });
    const names = boot.map(({ name }) => name);
    expect(names.indexOf('seccomp_listener')).toBe(names.indexOf('wait') - 1);
    // TSYNC excludes a listener, and does nothing for one thread
    expect(boot.find(({ name }) => name === 'seccomp_listener')?.numbers).toEqual([32, 1n]);
    expect(steps({ linux }).indexOf('seccomp_listener')).toBeLessThan(steps({ linux }).indexOf('user'));
  });

  it.each([
    [
      'a user namespace without maps',
      { linux: { namespaces: [{ type: 'mount' }, { type: 'user' }] } },
      'linux.uidMappings: a new user namespace needs it',
    ],
    ['mounts in a namespace of others', { linux: { namespaces: [] } }, 'mounts: it would stay in a mount namespace'],
    [
      'mounts in a namespace that is joined',
      { linux: { namespaces: [{ type: 'mount', path: '/m' }] } },
      'mounts: it would stay in a mount namespace',
    ],
    ['a host name of others', { hostname: 'a' }, 'hostname: it would change that of others'],
    ['a propagation', { linux: { ...CONFIG.linux, rootfsPropagation: 'odd' } }, 'linux.rootfsPropagation "odd"'],
    ['a domain name of others', { domainname: 'a' }, 'domainname: it would change that of others'],
    [
      'offsets of the clocks of others',
      { linux: { ...CONFIG.linux, timeOffsets: { boottime: { secs: 1 } } } },
      'timeOffsets: it',
    ],
    [
      'an unknown type of device',
      { linux: { ...CONFIG.linux, devices: [{ path: '/dev/x', type: 'x' }] } },
      'linux.devices[0].type "x"',
    ],
    [
      'an unknown flag of a filter',
      { linux: { ...CONFIG.linux, seccomp: { defaultAction: 'SCMP_ACT_ALLOW', flags: ['X'] } } },
      'linux.seccomp.flags[0] "X"',
    ],
    [
      'hooks with the files of the host where others have rights over them',
      {
        hooks: { createContainer: [{ path: '/x' }] },
        linux: {
          namespaces: [{ type: 'mount' }, { type: 'user', path: '/u' }, { type: 'pid', path: '/p' }],
        },
      },
      'hooks.createContainer: with a user namespace',
    ],
    [
      'a limit above its hard limit',
      withProcess({ rlimits: [{ type: 'RLIMIT_CORE', soft: 2, hard: 1 }] }),
      '.rlimits[0].soft',
    ],
    [
      'an unknown capability',
      withProcess({ capabilities: { ambient: ['CAP_FLY'] } }),
      'process.capabilities.ambient[0]',
    ],
  ])('refuses %s by its name', (_, change, message) => {
    expect(() => planOf(change)).toThrow(message);
  });
});

describe('the limits of a config', () => {
  it('are those of cgroup v2', () => {
    const writes = ociLimitWrites(
      {
        memory: { limit: 100, reservation: 50, swap: 150 },
        cpu: { quota: 5000, period: 10_000, shares: 1024, cpus: '0' },
        pids: { limit: -1 },
        unified: { 'memory.high': '90' },
      },
      CONTROLLERS,
    );
    expect(writes.map(({ file, value }) => `${file} ${value}`)).toEqual([
      'cpu.max 5000 10000',
      'cpu.weight 39',
      'cpuset.cpus 0',
      'memory.low 50',
      'memory.max 100',
      'memory.swap.max 50',
      'pids.max max',
      'memory.high 90',
    ]);
  });

  it('that are 0 ask for nothing of a new group, and set a limit back in an update', () => {
    const cpu = { burst: 0, idle: 0 };
    expect(planOf({ linux: { ...CONFIG.linux, resources: { cpu } } }).cgroup.writes).toEqual([]);
    expect(ociLimitWrites({ cpu }, CONTROLLERS)).toEqual([
      { file: 'cpu.max.burst', value: '0' },
      { file: 'cpu.idle', value: '0' },
    ]);
  });

  it('set the weight of a group while it is not idle: else the kernel refuses it', () => {
    const files = (cpu: object) => ociLimitWrites({ cpu }, CONTROLLERS).map(({ file, value }) => `${file} ${value}`);
    expect(files({ shares: 2, idle: 1 })).toEqual(['cpu.weight 1', 'cpu.idle 1']);
    expect(files({ shares: 2, idle: 0 })).toEqual(['cpu.idle 0', 'cpu.weight 1']);
    const { cgroup } = planOf({ linux: { ...CONFIG.linux, resources: { cpu: { shares: 2, idle: 1 } } } });
    expect([cgroup.writes, cgroup.lateWrites.map(({ file }) => file)]).toEqual([[], ['cpu.weight', 'cpu.idle']]);
  });

  it('of block devices are weights and rates', () => {
    const disk = { major: 8, minor: 0 };
    const blockIO = {
      weight: 10,
      weightDevice: [
        { ...disk, weight: 1000 },
        { major: 8, minor: 16, weight: 0 },
      ],
      throttleReadBpsDevice: [{ ...disk, rate: 100 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 0 }],
    };
    expect(ociLimitWrites({ blockIO }, CONTROLLERS)).toEqual([
      { file: 'io.weight', value: 'default 1' },
      { file: 'io.weight', value: '8:0 10000' },
      { file: 'io.max', value: '8:0 rbps=100' },
      { file: 'io.max', value: '8:0 wiops=max' },
    ]);
    expect(() => ociLimitWrites({ blockIO: { weight: 9 } }, CONTROLLERS)).toThrow('linux.resources.blockIO.weight');
  });

  it('of huge pages and of RDMA have a line each, and 0 huge pages are a limit', () => {
    const controllers = { available: ['hugetlb', 'rdma'], missing: {} };
    const hugepageLimits = [
      { pageSize: '2MB', limit: 0 },
      { pageSize: '1GB', limit: 2n ** 60n },
      { pageSize: '64KB', limit: -1 },
    ];
    const rdma = { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 }, rxe3: { hcaObjects: 0 } };
    expect(ociLimitWrites({ hugepageLimits, rdma }, controllers)).toEqual([
      { file: 'hugetlb.2MB.max', value: '0' },
      { file: 'hugetlb.1GB.max', value: String(2n ** 60n) },
      { file: 'hugetlb.64KB.max', value: 'max' },
      { file: 'rdma.max', value: 'mlx5_1 hca_handle=3 hca_object=10000' },
      { file: 'rdma.max', value: 'rxe3 hca_object=0' },
    ]);
  });

  it('that engines write as 0 are none', () => {
    const cpu = { shares: 0, quota: 0, period: 0 };
    const resources = {
      memory: { limit: 0, reservation: 0, swap: 0 },
      cpu,
      pids: { limit: 0 },
      blockIO: { weight: 0 },
    };
    expect(ociLimitWrites(resources, { available: [], missing: {} })).toEqual([]);
  });

  it('that every group has need no controller', () => {
    const usual = { cpu: { shares: 1024, quota: -1 }, memory: { limit: -1 }, pids: { limit: -1 } };
    const none = { available: [], missing: {} };
    expect(ociLimitWrites(usual, none)).toEqual([]);
    expect(() => ociLimitWrites({ cpu: { shares: 512 } }, none)).toThrow('cpu.weight needs the cpu');
    expect(() => ociLimitWrites({ unified: { 'memory.low': 'max' } }, none)).toThrow('memory.low needs the memory');
  });

  it('are the settings of any controller that the group has, and those of every group', () => {
    const controllers = { available: ['dmem'], missing: {} };
    const unified = { 'dmem.max': 'a 1', 'cgroup.max.depth': '3', 'cgroup.max.descendants': '4' };
    const files = ociLimitWrites({ unified }, controllers).map(({ file }) => file);
    expect(files).toEqual(['dmem.max', 'cgroup.max.depth', 'cgroup.max.descendants']);
    expect(() => ociLimitWrites({ unified: { 'dmem.low': '1' } }, CONTROLLERS)).toThrow('dmem.low needs the dmem');
  });

  it.each([
    ['smaller bounds', { depth: '3', descendants: '4' }, ['3', '4']],
    ['larger bounds', { depth: '33', descendants: '0x1000' }, ['32', '2000']],
    ['no bounds', { depth: 'max', descendants: 'max\n' }, ['32', '2000']],
    ['what the kernel refuses', { depth: 'few', descendants: '-1' }, ['few', '-1']],
  ])('take no more groups than niwa does: %s', (_, { depth, descendants }, values) => {
    const unified = { 'cgroup.max.depth': depth, 'cgroup.max.descendants': descendants };
    const writes = ociLimitWrites({ unified }, { available: [], missing: {} });
    expect(writes.map(({ value }) => value)).toEqual(values);
    expect(boundsOfGroups(writes)).toEqual([]);
  });

  it('have both ends of the shares', () => {
    expect([2, 262_144, 1, 300_000, 0].map(weightOf)).toEqual([1, 10_000, 1, 10_000, undefined]);
  });

  it.each([
    [{ memory: { limit: 10, swap: 5 } }, 'memory.swap: it counts memory and swap together'],
    [{ hugepageLimits: [{ pageSize: '../2MB', limit: 1 }] }, 'linux.resources.hugepageLimits[0].pageSize'],
    [{ rdma: { 'a b': { hcaObjects: 1 } } }, 'linux.resources.rdma "a b": this is no name of a device'],
    [{ rdma: { a: {} } }, 'linux.resources.rdma "a": it needs at least one'],
    [{ unified: { 'cgroup.procs': '1' } }, 'unified["cgroup.procs"]: this is no setting of a controller'],
    [{ unified: { 'cgroup.freeze': '1' } }, 'this is no setting of a controller'],
    [{ unified: { NONE: '1' } }, 'has not the form CONTROLLER.VALUE'],
    [{ unified: { '../memory.max': '1' } }, 'this is no setting of a controller'],
  ])('%j is refused', (resources, message) => {
    expect(() => ociLimitWrites(resources, CONTROLLERS)).toThrow(message);
  });

  it('is refused where the host lacks its controller', () => {
    expect(() => ociLimitWrites({ pids: { limit: 5 } }, { available: [], missing: {} })).toThrow(
      'pids.max needs the pids',
    );
  });
});

describe('the rules for devices', () => {
  it('keep their order, before those of the usual devices and of the nodes that are made', () => {
    const rules = ociDevices(
      [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 10, access: 'mr' },
        { allow: false, type: 'c', major: 10, minor: 229, access: 'wrm' },
        { allow: true, type: 'b', minor: -5 },
      ],
      [{ path: '/dev/x', type: 'u', major: 60, minor: 1 }],
    );
    expect(rules.slice(0, 4)).toEqual([
      { type: 'a', major: -1, minor: -1, forbids: true },
      { type: 'c', major: 10, minor: -1, access: 'mr' },
      { type: 'c', major: 10, minor: 229, forbids: true },
      { type: 'b', major: -1, minor: -1 },
    ]);
    expect(rules.slice(4)).toEqual([...USUAL_DEVICES, { type: 'c', major: 60, minor: 1, access: 'm' }]);
  });

  it.each([
    [{ allow: true, type: 'c', access: 'rx' }, 'linux.resources.devices[0].access'],
    [{ allow: true, type: 'p' }, 'linux.resources.devices[0].type'],
  ])('%j is refused', (rule, message) => {
    expect(() => ociDevices([rule])).toThrow(message);
  });
});

it('an exec hides before it enters, and again after the change of user, and then waits as the first process', () => {
  const process = { ...CONFIG.process, oomScoreAdj: 5, noNewPrivileges: true };
  const linux = { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } };
  const names = ociExecOps({ process, linux }, HOST.compileSeccomp).map(({ name }) => name);
  expect(names.slice(0, 5)).toEqual(['undumpable', 'write', 'cpus', 'own_streams', 'enter']);
  expect(names[names.indexOf('user') + 1]).toBe('undumpable');
  expect(names.slice(-5)).toEqual(['find_program', 'wait', 'close_fds', 'seccomp', 'exec']);
  expect(names.slice(names.indexOf('be_born') + 1, -5)).toEqual(['chdir', 'umask']);
});

it('an exec enters a time namespace only where the container has one: a kernel may have none', () => {
  const namespaces = [{ type: 'mount' }, { type: 'time' }];
  const entered = (linux: object) =>
    ociExecOps({ process: CONFIG.process, linux }, HOST.compileSeccomp).filter(({ name }) => name === 'enter').length;
  expect([entered({}), entered({ namespaces })]).toEqual([1, 2]);
});

describe('the group of a container', () => {
  const TREE = { mount: '/cgroup', base: '/cgroup/niwa', own: 'system/niwad' };

  it.each([
    ['/pods/a/b', '/cgroup/pods/a/b'],
    ['//pods//a/', '/cgroup/pods/a'],
    ['a/b', '/cgroup/niwa/oci/a/b'],
    ['/niwa/engines', '/cgroup/niwa/engines'],
    ['/system/niwad-x', '/cgroup/system/niwad-x'],
    ['/a:b:c', '/cgroup/a:b:c'],
  ])('of %s is %s', (cgroupsPath, path) => {
    expect(groupPathOf(cgroupsPath, TREE)).toBe(path);
  });

  it.each([
    ['system.slice:libpod:x', 'it needs --systemd-cgroup'],
    [':libpod:x', 'it needs --systemd-cgroup'],
    ['/', 'the root group'],
    ['/a/../b', 'no . and no ..'],
    ['./a', 'no . and no ..'],
    ['/niwa', 'niwad has its own groups'],
    ['/niwa/containers/x', 'niwad has its own groups'],
    ['/niwa/daemon', 'niwad has its own groups'],
    ['/system/niwad/x', 'niwad has its own groups'],
  ])('is not made of %s', (cgroupsPath, message) => {
    expect(() => groupPathOf(cgroupsPath, TREE)).toThrow(message);
    expect(() => groupPathOf(cgroupsPath, TREE)).toThrow(`linux.cgroupsPath "${cgroupsPath}"`);
  });

  it('is not made of a path that the kernel could not take', () => {
    expect(() => groupPathOf(`/${'a/'.repeat(2000)}`, TREE)).not.toThrow();
    expect(() => groupPathOf(`/${'a/'.repeat(2100)}`, TREE)).toThrow('linux.cgroupsPath: it has 4201 bytes');
  });

  it('has the limits for which the groups above it have controllers', () => {
    const linux = { ...CONFIG.linux, resources: { pids: { limit: 7 } } };
    const group = { path: '/cgroup/pods/a', controllers: { available: ['pids'], missing: {} } };
    const sources = { root: '/b/rootfs', mounts: [], group };
    const host = { ...HOST, controllers: { available: [], missing: {} } };
    const config = { ...CONFIG, mounts: [], linux };
    expect(makeOciPlan('x', config, host, sources, RESOURCES, CHOICES).cgroup).toEqual({
      path: '/cgroup/pods/a',
      writes: [{ file: 'pids.max', value: '7' }],
      lateWrites: [],
    });
  });
});
