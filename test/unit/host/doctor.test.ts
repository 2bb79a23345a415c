import { release } from 'node:os';
import { expect, test } from 'vitest';
import { type Check, canRun, diagnose } from '../../../src/host/doctor.js';
import { type Cgroup2Facts, type HostFacts, readHostFacts } from '../../../src/host/facts.js';

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
  expect(complaints(withSysctl('user.max_user_namespaces', '0'))).toEqual(['warning: namespace user']);
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
  expect(complaints({ ...tuned, seccomp: { mode: null, actions: [] } })).toEqual(['warning: seccomp']);
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
  ['20000', 'warning', '20000, room for about 950 containers'],
  ['21000', 'ok', '21000, room for about 1000 containers'],
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
  expect(named(checks, 'fs.file-max').found).toMatch(/^\d+$/);
  expect(named(checks, 'RLIMIT_NOFILE').found).toMatch(/^(unlimited|\d+, room for about \d+ containers)$/);
});
