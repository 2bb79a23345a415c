import { release } from 'node:os';
import { expect, test } from 'vitest';
import { canRun, diagnose } from '../../../../src/host/doctor/diagnose.js';
import { type Cgroup2Facts, type HostFacts, readHostFacts } from '../../../../src/host/doctor/facts.js';
import type { Check } from '../../../../src/protocol/host.js';

const ALL = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

const unified: Cgroup2Facts = {
  mountPoint: '/sys/fs/cgroup',
  writable: true,
  isRoot: true,
  holdsProcesses: true,
  controllers: ALL,
  subtreeControl: ALL,
  pressure: true,
  groupFiles: ['cgroup.freeze', 'cgroup.kill', 'memory.max', 'memory.swap.max'],
};

/** A unified host that is tuned for many containers. */
const tuned: HostFacts = {
  kernelRelease: '6.12.9-amd64',
  commandLine: 'root=/dev/vda1 quiet',
  uid: 0,
  effectiveCapabilities: '000001ffffffffff',
  initialUserNamespace: true,
  seccomp: { mode: 0, actions: ['errno', 'allow'] },
  rootFilesystem: 'ext4',
  deviceFilter: true,
  connectionCount: true,
  packetQueue: true,
  filesystems: ['sysfs', 'tmpfs', 'proc', 'devpts', 'mqueue', 'cgroup', 'cgroup2', 'overlay'],
  overlayModule: false,
  namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'],
  cgroup2: unified,
  v1Controllers: {},
  kernelControllers: Object.fromEntries(ALL.map((name) => [name, { hierarchy: 0, enabled: true }])),
  pressure: true,
  rlimits: {
    'open files': { soft: '1048576', hard: '1048576' },
    processes: { soft: 'unlimited', hard: 'unlimited' },
  },
  nameServers: ['192.0.2.53'],
  sysctls: {
    'fs.file-max': '9223372036854775807',
    'fs.inotify.max_user_instances': '1048576',
    'kernel.pid_max': '4194304',
    'user.max_pid_namespaces': '96364',
  },
};

/** The same host with v2 beside v1, where v1 has the controllers. */
const hybrid: HostFacts = {
  ...tuned,
  cgroup2: { ...unified, mountPoint: '/sys/fs/cgroup/unified', controllers: [], subtreeControl: [], groupFiles: null },
  v1Controllers: Object.fromEntries(ALL.map((name) => [name, `/sys/fs/cgroup/${name === 'io' ? 'blkio' : name}`])),
};

function named(checks: Check[], name: string): Check {
  const check = checks.find((candidate) => candidate.name === name);
  if (check === undefined) throw new Error(`no check ${name}`);
  return check;
}

const look = (facts: HostFacts, name: string) => named(diagnose(facts), name);
const complaints = (facts: HostFacts) =>
  diagnose(facts)
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status }) => `${status}: ${name}`);
const withCgroup2 = (change: Partial<Cgroup2Facts>): HostFacts => ({ ...tuned, cgroup2: { ...unified, ...change } });
const withSysctl = (name: string, value: string): HostFacts => ({
  ...tuned,
  sysctls: { ...tuned.sysctls, [name]: value },
});

test('a tuned unified host has nothing to complain about', () => {
  expect(complaints(tuned)).toEqual([]);
  expect(canRun(diagnose(tuned))).toBe(true);
});

test('only a bad check has a cure, and only a required one can be missing', () => {
  const nothing: HostFacts = {
    ...tuned,
    kernelRelease: '3.10.0',
    effectiveCapabilities: '0',
    seccomp: { mode: null, actions: [] },
    rootFilesystem: null,
    deviceFilter: false,
    filesystems: [],
    namespaces: [],
    cgroup2: null,
    pressure: false,
    rlimits: { 'open files': { soft: '1024', hard: '1024' }, processes: { soft: '100', hard: '100' } },
  };
  for (const check of [...diagnose(tuned), ...diagnose(hybrid), ...diagnose(nothing)]) {
    expect([check.name, check.cure === null]).toEqual([check.name, check.status === 'ok']);
    expect(check.required || check.status !== 'missing').toBe(true);
  }
  expect(canRun(diagnose(nothing))).toBe(false);
});

test('a hybrid host runs niwad; each controller says where it is and how to get it', () => {
  expect(complaints(hybrid)).toEqual([
    'warning: controller cpu',
    'warning: controller memory',
    'warning: controller io',
    'warning: controller pids',
    'warning: controller cpuset',
    'warning: swap accounting',
  ]);
  expect(canRun(diagnose(hybrid))).toBe(true);
  const io = look(hybrid, 'controller io');
  expect(io.found).toBe('on cgroup v1 at /sys/fs/cgroup/blkio');
  expect(io.cure).toContain('umount /sys/fs/cgroup/blkio');
  expect(io.cure).toContain('cgroup_no_v1=io');
});

test('a controller that is switched off at boot is told from one that is not delegated and one that was not built', () => {
  const without = { controllers: ['cpu', 'io', 'pids', 'cpuset'] };
  const disabled = { ...withCgroup2(without), kernelControllers: { memory: { hierarchy: 0, enabled: false } } };
  expect(look(disabled, 'controller memory').found).toBe('disabled at boot (cgroup_disable=memory)');
  const byCommandLine = {
    ...withCgroup2(without),
    kernelControllers: {},
    commandLine: 'ro cgroup_disable=rdma,memory',
  };
  expect(look(byCommandLine, 'controller memory').found).toBe('disabled at boot (cgroup_disable=memory)');
  expect(look(withCgroup2({ ...without, isRoot: false }), 'controller memory').found).toBe(
    'not in cgroup.subtree_control of the parent of /sys/fs/cgroup',
  );
  const elsewhere = { ...withCgroup2(without), kernelControllers: { memory: { hierarchy: 4, enabled: true } } };
  expect(look(elsewhere, 'controller memory').found).toBe('on a cgroup v1 hierarchy that is not mounted here');
  const absent = { ...withCgroup2(without), kernelControllers: {} };
  expect(look(absent, 'controller memory').found).toBe('not in this kernel');
});

test('a group that holds processes passes no controllers on, unless it is the root group', () => {
  const inContainer = { holdsProcesses: true, subtreeControl: ['pids'] };
  expect(look(withCgroup2({ ...inContainer, isRoot: false }), 'controller cpu').status).toBe('warning');
  expect(look(withCgroup2({ ...inContainer, isRoot: false }), 'controller pids').status).toBe('ok');
  expect(look(withCgroup2(inContainer), 'controller cpu').status).toBe('ok');
});

test('without a cgroup2 mount niwad cannot run, and the cure differs from that for one that cannot be written', () => {
  const unmounted = { ...tuned, cgroup2: null };
  expect(look(unmounted, 'cgroup2')).toMatchObject({ status: 'missing', required: true, found: 'not mounted' });
  expect(canRun(diagnose(unmounted))).toBe(false);
  expect(look(withCgroup2({ writable: false }), 'cgroup2').cure).toBe('`mount -o remount,rw /sys/fs/cgroup`');
  expect(look({ ...withCgroup2({ writable: false }), uid: 1000 }, 'cgroup2').cure).toContain('as root');
});

test.each([
  ['5.13.19', 'missing', false],
  ['5.14.0-427.el9.x86_64', 'warning', true],
  ['6.0.12', 'warning', true],
  ['6.1.0-13-amd64', 'ok', true],
  ['6.10.1', 'ok', true],
  ['10.0', 'ok', true],
])('kernel %s is %s', (kernelRelease, status, runs) => {
  const facts = { ...withCgroup2({ groupFiles: null }), kernelRelease };
  expect(look(facts, 'kernel').status).toBe(status);
  expect(look(facts, 'cgroup.kill').status).toBe(runs ? 'ok' : 'missing');
  expect(canRun(diagnose(facts))).toBe(runs);
});

test('what the groups really have counts more than the version of the kernel', () => {
  const vendor = { ...tuned, kernelRelease: '5.10.1-backports' };
  expect(look(vendor, 'cgroup.kill').status).toBe('ok');
  expect(look(withCgroup2({ groupFiles: ['cgroup.freeze'] }), 'cgroup.kill').status).toBe('missing');
});

test('a user without privileges, a reduced root and the root of a user namespace cannot run niwad', () => {
  const user = { ...tuned, uid: 1000, effectiveCapabilities: '0000000000000000' };
  expect(look(user, 'root').found).toMatch(/^uid 1000 without CAP_SYS_ADMIN, /);
  expect(look(user, 'root').cure).toContain('sudo niwa doctor');
  const reduced = { ...tuned, effectiveCapabilities: '000001ffff1fffff' }; // without SYS_ADMIN to SYS_NICE
  expect(look(reduced, 'root').found).toBe('uid 0 without CAP_SYS_ADMIN');
  const namespaced = { ...tuned, initialUserNamespace: false };
  expect(look(namespaced, 'root').found).toBe('uid 0 in a user namespace');
  for (const facts of [user, reduced, namespaced]) expect(canRun(diagnose(facts))).toBe(false);
});

test('without CAP_SYS_RESOURCE niwad runs, with a warning', () => {
  const facts = { ...tuned, effectiveCapabilities: '000001fffeffffff' };
  expect(complaints(facts)).toEqual(['warning: CAP_SYS_RESOURCE']);
});

test('namespaces: one kind missing or at 0 stops niwad, a low bound warns, those that niwad does not make only warn', () => {
  expect(complaints({ ...tuned, namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'uts'] })).toEqual([
    'missing: namespace pid',
    'warning: namespace user',
    'warning: namespace time',
  ]);
  expect(complaints(withSysctl('user.max_net_namespaces', '0'))).toEqual(['missing: namespace net']);
  expect(complaints(withSysctl('user.max_net_namespaces', '500'))).toEqual(['warning: namespace net']);
  for (const most of ['0', '500'])
    expect(complaints(withSysctl('user.max_user_namespaces', most))).toEqual(['warning: namespace user']);
  expect(complaints(withSysctl('user.max_time_namespaces', '500'))).toEqual([]);
});

test('without user namespaces niwad runs, and is told that default containers do not start', () => {
  const facts = { ...tuned, namespaces: tuned.namespaces.filter((name) => name !== 'user') };
  const check = look(facts, 'namespace user');
  expect(check).toMatchObject({ status: 'warning', required: false, cure: 'Run a kernel with CONFIG_USER_NS.' });
  expect(check.meaning).toContain('only containers with userns "host" start');
  expect(canRun(diagnose(facts))).toBe(true);
});

test.each<[string, string | null, 'ok' | 'warning', string]>([
  ['6.1.0', 'ext4', 'ok', 'ext4 on /'],
  ['6.1.0', 'btrfs', 'ok', 'btrfs on /'],
  ['5.18.9', 'ext4', 'warning', 'Linux 5.18.9: not below an overlay'],
  ['5.19.0', 'ext4', 'ok', 'ext4 on /'],
  ['6.2.9', 'tmpfs', 'warning', 'not of tmpfs on /'],
  ['6.3.0', 'tmpfs', 'ok', 'tmpfs on /'],
  ['6.12.0', '9p', 'warning', 'not of 9p on /'],
  ['6.12.0', 'nfs4', 'warning', 'not of nfs4 on /'],
  ['6.12.0', 'overlay', 'warning', 'not of overlay on /'],
  ['6.12.0', null, 'warning', 'not of what is on /'],
])('Linux %s with %s on / has id-mapped mounts: %s', (kernelRelease, rootFilesystem, status, found) => {
  const facts = { ...tuned, kernelRelease, rootFilesystem };
  const check = look(facts, 'id-mapped mounts');
  expect(check).toMatchObject({ status, required: false, found });
  if (status === 'warning') expect(check.cure).toContain('userns "host"');
  expect(canRun(diagnose(facts))).toBe(true);
});

test('the version that can id-map a file system is told, where there is one', () => {
  const cure = (rootFilesystem: string) =>
    look({ ...tuned, kernelRelease: '6.1.0', rootFilesystem }, 'id-mapped mounts').cure;
  expect(cure('tmpfs')).toContain('or install Linux 6.3 or newer');
  expect(cure('9p')).not.toContain('install Linux');
});

test('a kernel without device filters is told, one that does not show its configuration is not blamed', () => {
  expect(complaints({ ...tuned, deviceFilter: false })).toEqual(['warning: device filter']);
  expect(look({ ...tuned, deviceFilter: false }, 'device filter').cure).toContain('CONFIG_CGROUP_BPF');
  expect(complaints({ ...tuned, connectionCount: false })).toEqual(['warning: bound of connections']);
  expect(complaints({ ...tuned, packetQueue: false })).toEqual(['warning: packet queue']);
  expect(complaints({ ...tuned, deviceFilter: null, connectionCount: null, packetQueue: null })).toEqual([]);
  expect(look({ ...tuned, deviceFilter: null }, 'device filter').found).toMatch(/^not known/);
});

test.each([
  ['kernel.unprivileged_userns_clone', '0', '1'],
  ['kernel.apparmor_restrict_unprivileged_userns', '1', '0'],
])('%s = %s keeps workloads from making user namespaces', (name, value, open) => {
  const check = look(withSysctl(name, value), 'unprivileged user namespaces');
  expect(check).toMatchObject({ status: 'warning', found: `${name} is ${value}` });
  expect(check.cure).toContain(`sysctl -w ${name}=${open}`);
  expect(complaints(withSysctl(name, open))).toEqual([]);
});

test('a host that executes no memfd cannot start the boot helper', () => {
  expect(complaints(withSysctl('vm.memfd_noexec', '2'))).toEqual(['missing: vm.memfd_noexec']);
  expect(complaints(withSysctl('vm.memfd_noexec', '1'))).toEqual([]);
});

test('overlayfs may be a module that is not loaded yet', () => {
  const unloaded = { ...tuned, filesystems: tuned.filesystems.filter((name) => name !== 'overlay') };
  expect(complaints({ ...unloaded, overlayModule: true })).toEqual([]);
  expect(complaints(unloaded)).toEqual(['warning: overlayfs']);
  const locked = { ...unloaded, overlayModule: true, sysctls: { 'kernel.modules_disabled': '1' } };
  expect(complaints(locked)).toEqual(['warning: overlayfs']);
});

test('a seccomp filter on niwad itself is told', () => {
  expect(complaints({ ...tuned, seccomp: { mode: 2, actions: ['allow'] } })).toEqual(['warning: seccomp']);
  const none = { ...tuned, seccomp: { mode: null, actions: [] } };
  expect(complaints(none)).toEqual(['warning: seccomp']);
  expect(look(none, 'seccomp').cure).toContain('seccomp "unconfined"');
});

test('PSI off on the host is told from PSI off for groups', () => {
  const host = { ...withCgroup2({ pressure: false }), pressure: false };
  expect(look(host, 'PSI').cure).toContain('psi=1');
  expect(look(host, 'PSI of groups').cure).toBe('See PSI.');
  expect(look(withCgroup2({ pressure: false }), 'PSI of groups').cure).toContain('cgroup_disable=pressure');
});

test('swap accounting shows in the files of a group, or else on the kernel command line', () => {
  expect(complaints(withCgroup2({ groupFiles: ['cgroup.freeze', 'cgroup.kill', 'memory.max'] }))).toEqual([
    'warning: swap accounting',
  ]);
  const unseen = withCgroup2({ groupFiles: null });
  expect(complaints(unseen)).toEqual([]);
  expect(complaints({ ...unseen, commandLine: 'swapaccount=0' })).toEqual(['warning: swap accounting']);
});

test.each([
  ['1024', 'warning', '1024, room for about 1 containers'],
  ['24000', 'warning', '24000, room for about 958 containers'],
  ['25000', 'ok', '25000, room for about 1000 containers'],
  ['unlimited', 'ok', 'unlimited'],
])('a hard limit of %s open files is %s', (hard, status, found) => {
  const facts = { ...tuned, rlimits: { 'open files': { soft: '1024', hard } } };
  expect(look(facts, 'RLIMIT_NOFILE')).toMatchObject({ status, found });
});

test('the defaults of a kernel warn of what many containers run into, with the line that cures it', () => {
  const defaults = {
    'fs.file-max': '2466165',
    'fs.nr_open': '1048576',
    'fs.inotify.max_user_instances': '128',
    'fs.inotify.max_user_watches': '65536',
    'fs.inotify.max_queued_events': '16384',
    'fs.aio-max-nr': '65536',
    'kernel.keys.maxkeys': '200',
    'kernel.keys.maxbytes': '20000',
    'kernel.keys.root_maxkeys': '1000000',
    'kernel.keys.root_maxbytes': '25000000',
    'kernel.pid_max': '32768',
    'kernel.threads-max': '192729',
    'vm.max_map_count': '65530',
    'net.ipv4.neigh.default.gc_thresh3': '1024',
    'net.ipv6.neigh.default.gc_thresh3': '1024',
  };
  const facts = { ...tuned, sysctls: defaults };
  expect(complaints(facts)).toEqual([
    'warning: fs.inotify.max_user_instances',
    'warning: fs.inotify.max_user_watches',
    'warning: fs.aio-max-nr',
    'warning: kernel.keys.maxkeys',
    'warning: kernel.keys.maxbytes',
    'warning: kernel.pid_max',
    'warning: vm.max_map_count',
    'warning: net.ipv4.neigh.default.gc_thresh3',
    'warning: net.ipv6.neigh.default.gc_thresh3',
  ]);
  expect(canRun(diagnose(facts))).toBe(true);
  expect(look(facts, 'fs.inotify.max_user_instances')).toMatchObject({
    found: '128',
    cure:
      '`sysctl -w fs.inotify.max_user_instances=1048576`, and the line ' +
      '`fs.inotify.max_user_instances = 1048576` in /etc/sysctl.d/90-niwa.conf.',
  });
});

test('the cure of every limit is enough', () => {
  const poor: HostFacts = {
    ...tuned,
    sysctls: Object.fromEntries(diagnose(tuned).map(({ name }) => [name, name.includes('.') ? '1' : null])),
  };
  const cures = diagnose(poor).flatMap(({ cure }) => [.../sysctl -w (\S+)=(\d+)/g[Symbol.matchAll](cure ?? '')]);
  const sysctls = Object.fromEntries(cures.map(([, name = '', value = '']) => [name, value]));
  expect(cures.length).toBeGreaterThan(10);
  expect(complaints({ ...tuned, sysctls })).toEqual([]);
});

test('a large limit is shown as the kernel writes it', () => {
  expect(look(tuned, 'fs.file-max').found).toBe('9223372036854775807');
});

test('the facts of this very host can be read and sent as JSON, and its kernel is named as uname names it', () => {
  const facts = readHostFacts();
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  const checks = diagnose(facts);
  expect(named(checks, 'kernel').found).toBe(release());
  expect(named(checks, 'namespace mnt').status).toBe('ok');
  expect(facts.rootFilesystem).toMatch(/^[a-z0-9._-]+$/);
  expect([true, false, null]).toContain(facts.deviceFilter);
  expect(named(checks, 'fs.file-max').found).toMatch(/^\d+$/);
  expect(named(checks, 'RLIMIT_NOFILE').found).toMatch(/^(unlimited|\d+, room for about \d+ containers)$/);
});
