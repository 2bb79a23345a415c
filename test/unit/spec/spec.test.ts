import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeProgram } from '../../../src/plan/encode.js';
import { makePlan } from '../../../src/plan/plan.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { nearSpecInputs, specInputs } from '../arbitrary.js';
import { capableHost, problemsIn, refusal, specOf } from '../support.js';

const DURATION = 'seconds as a number, or a string such as "90s", "250ms" or "1h30m", less than 285 years';
const SIZE = 'bytes as an integer, or a string such as "512M" or "1.5G", less than 8192T';
const TMPFS_SIZE = `${SIZE}, and more than 0`;
const LIMIT = `"max", or ${SIZE}`;
const RATE = 'bytes a second as an integer or a string such as "10M", less than 8192T, or "max"';
const OPERATIONS = 'operations a second as an integer, or "max"';
const BOOLEAN = 'true or false';
const ID = '1 to 64 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit';
const NETWORK_NAMESPACE = '"new", "host", "container:ID", or the absolute path of a namespace such as /proc/42/ns/net';
const NAMESPACE = '"new", "host", or the absolute path of a namespace such as /proc/42/ns/net';
const mappedMount = (uids: { container: number; host: number; size: number }[]): Partial<SpecInput> => ({
  mounts: [{ type: 'bind', source: '/a', target: '/b', idmap: { uids, gids: [{ container: 0, host: 0, size: 1 }] } }],
});
const NOT_OVER_HOST = "nothing over the host's own root, which changes with the host";
const MOUNT =
  '{"type": "bind", "source": PATH, "target": PATH, "readonly"?: BOOLEAN, "idmap"?: BOOLEAN or MAPS, "propagation"?: "private" or "rslave"} or {"type": "tmpfs", "target": PATH, "size"?: BYTES, "readonly"?: BOOLEAN} or {"type": "volume", "source": NAME, "target": PATH, "readonly"?: BOOLEAN}';
const CAPABILITY = 'a name of capabilities(7) such as "NET_BIND_SERVICE", or "ALL"';
const CAPABILITIES = 'a list of capability names';
const SIGNAL = 'a signal such as "SIGTERM", "TERM", "SIGRTMIN+3" or 15';
const RLIMIT = 'an integer, "unlimited", or {"soft", "hard"} of these';
const LABELS = 'an object of names (up to 128 letters, digits, _ . / -, the first a letter or digit) and string values';
const ENV = 'an object of names and string values; a name is not empty and has no "=" or NUL';
const USER = 'a user, or "user:group", by number or by a name that the root\'s own /etc/passwd has';
const UMASK = 'an octal string such as "0022"';
const HOSTNAME = 'a host name of 1 to 64 letters, digits, points and hyphens';
const OWNER = '1 to 128 characters, no control characters';
const OOM_SCORE = 'the preference of the OOM killer: an integer from -1000 to 1000';
const CPUS = 'a list such as "0-3,6"';
const TARGET = 'an absolute path below / without "." or ".." in it';
const TOP =
  'an object with id, process, root, hostname, mounts, namespaces, network, resources, rlimits, capabilities, userns, seccomp, devices, shmSize, sysctls, lifetime, jitter, stopSignal, stopTimeout, init, autoRemove, restart, labels, owner, oomScoreAdj, hooks, ready';
const USERNS = '"auto" (a range of host ids of its own), "host", or {"uids": MAP, "gids": MAP}';
const ID_MAP = 'a list of {"container", "host", "size"}';
const SECCOMP = '"default", "unconfined", or a profile in the form of the OCI runtime specification';
const ACTION = 'SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD, _LOG, _TRACE or _TRAP';
const SYSCALLS = 'a list of {"names", "action", "errnoRet"?, "args"?}';
const DEVICE = 'a device of the host such as "/dev/fuse"';
const combinedRule = (value: number) => ({
  names: ['read'],
  action: 'SCMP_ACT_LOG',
  args: [0, 1, 2].map((index) => ({ index, value, op: 'SCMP_CMP_GE' })),
});
const gids = [{ container: 0, host: 100_000, size: 10 }];

const args = ['/bin/true'];
const base = { process: { args } };
const parse = (input: unknown) => parseSpec(input, 'free-id');
const problemsOf = (fields: object) => problemsIn(() => parse({ ...base, ...fields }));

describe('defaults', () => {
  it('fills in everything that a spec leaves out', () => {
    expect(specOf()).toEqual({
      id: 'free-id',
      process: {
        args,
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
        cwd: '/',
        user: null,
        uid: 0,
        gid: 0,
        account: { name: '', groups: true },
        umask: 0o022,
        tty: false,
        stdin: false,
      },
      root: {
        path: '/',
        file: null,
        layers: ['/'],
        image: null,
        readonly: false,
        overlay: { sizeBytes: null, directory: null },
        idmap: false,
      },
      hostname: 'free-id',
      mounts: [],
      namespaces: { mount: 'new', pid: 'new', network: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
      network: null,
      resources: { cpu: {}, memory: {}, io: [] },
      rlimits: [],
      capabilities: [
        'CHOWN',
        'DAC_OVERRIDE',
        'FOWNER',
        'FSETID',
        'KILL',
        'SETGID',
        'SETUID',
        'NET_BIND_SERVICE',
        'SYS_CHROOT',
      ],
      userns: 'auto',
      seccomp: 'default',
      devices: [],
      lifetimeUsec: null,
      jitterUsec: 0,
      stopSignal: 'SIGTERM',
      stopTimeoutUsec: 10_000_000,
      init: false,
      labels: {},
      owner: null,
      oomScoreAdj: null,
      hooks: {},
      ready: null,
      service: null,
    });
  });

  it.each([
    [{ path: '/' }, { sizeBytes: null, directory: null }],
    [
      { path: '/', overlay: false },
      { sizeBytes: null, directory: null },
    ],
    [
      { path: '/', overlay: { size: '1M' } },
      { sizeBytes: 1_048_576, directory: null },
    ],
    [{ path: '/srv' }, null],
    [{ path: '/srv', overlay: false }, null],
    [
      { path: '/srv', overlay: true },
      { sizeBytes: null, directory: null },
    ],
    [
      { path: '/srv', overlay: { size: 4096 } },
      { sizeBytes: 4096, directory: null },
    ],
  ])("for the root %j the overlay is %j: the host's own is never written to", (root, overlay) => {
    expect(specOf({ root }).root.overlay).toEqual(overlay);
  });

  it('a file is under an overlay unless the spec says otherwise', () => {
    expect(specOf({ root: { file: '/a.sqfs' } }).root).toMatchObject({
      path: null,
      file: '/a.sqfs',
      layers: [],
      overlay: { sizeBytes: null, directory: null },
    });
    expect(specOf({ root: { file: '/a.sqfs', overlay: false } }).root.overlay).toBeNull();
    expect(specOf({ root: { path: '/srv', overlay: { directory: '/kept', size: '1K' } } }).root.overlay).toEqual({
      sizeBytes: 1024,
      directory: '/kept',
    });
  });

  it.each<[Partial<SpecInput>, string]>([
    [{}, 'auto'],
    [{ userns: 'host' }, 'host'],
    [{ namespaces: { mount: 'host' } }, 'host'],
    [{ namespaces: { mount: '/proc/1/ns/mnt' }, userns: 'host' }, 'host'],
  ])('%j has the user namespace %s', (fields, userns) => {
    expect(specOf(fields).userns).toBe(userns);
  });

  it.each<[Partial<SpecInput>, boolean | undefined, boolean | 'auto']>([
    [{}, undefined, 'auto'],
    [{}, true, true],
    [{}, false, false],
    [{ userns: 'host' }, undefined, false],
    [{ userns: 'host' }, true, false],
  ])('with %j a bind mount with idmap %s is id-mapped: %s', (fields, idmap, mapped) => {
    const bind = { type: 'bind' as const, source: '/a', target: '/b', ...(idmap === undefined ? {} : { idmap }) };
    expect(specOf({ ...fields, mounts: [bind] }).mounts).toEqual([
      { type: 'bind', source: '/a', target: '/b', readonly: false, idmap: mapped, propagation: 'private' },
    ]);
  });

  it.each([
    [7, 7, 7],
    ['7', 7, 7],
    ['7:8', 7, 8],
    ['4294967294:0', 4_294_967_294, 0],
  ])('reads the user %j as uid %i and gid %i', (user, uid, gid) => {
    expect(specOf({ process: { args, user }, userns: 'host' }).process).toMatchObject({ uid, gid });
  });

  it.each([
    ['022', 0o022],
    ['0077', 0o077],
    ['000', 0],
    ['0007', 0o007],
  ])('reads the umask %j', (umask, value) => {
    expect(specOf({ process: { args, umask } }).process.umask).toBe(value);
  });

  it('lets the environment replace PATH and keeps every name of it, also those that objects have', () => {
    const input = JSON.parse('{"process":{"args":["a"],"env":{"PATH":"/x","__proto__":"y","constructor":"z"}}}');
    expect(Object.entries(parse(input).process.env)).toEqual([
      ['PATH', '/x'],
      ['__proto__', 'y'],
      ['constructor', 'z'],
    ]);
  });

  it.each([
    ['web_1', 'web-1'],
    ['a', 'a'],
    ['a__.', 'a'],
    ['x'.repeat(64), 'x'.repeat(64)],
  ])('makes a host name of the id %s', (id, hostname) => {
    expect(specOf({ id }).hostname).toBe(hostname);
  });

  it.each(['host', '/proc/1/ns/uts'])('gives no host name to the UTS namespace %s of others', (uts) => {
    expect(specOf({ namespaces: { uts } }).hostname).toBeNull();
  });

  it('resolves the units of limits and times', () => {
    const resources = {
      cpu: { max: 1.5, burst: '50ms', weight: 200, cpus: '0-1' },
      memory: { max: '512M', high: 1024, low: '0', min: 0, swapMax: 'max' as const, oomGroup: false },
      io: [{ device: '/dev/vda', rbps: '1M', wiops: 100 }],
      pids: 32,
    };
    const spec = specOf({ resources, lifetime: '1h', jitter: '90s', stopTimeout: 0.5, stopSignal: 'int' });
    expect(spec).toMatchObject({
      resources: {
        cpu: { max: 1.5, burstUsec: 50_000, weight: 200, cpus: '0-1' },
        memory: {
          maxBytes: 536_870_912,
          highBytes: 1024,
          lowBytes: 0,
          minBytes: 0,
          swapMaxBytes: 'max',
          oomGroup: false,
        },
        io: [{ device: '/dev/vda', rbps: 1_048_576, wiops: 100 }],
        pids: 32,
      },
      lifetimeUsec: 3_600_000_000,
      jitterUsec: 90_000_000,
      stopTimeoutUsec: 500_000,
      stopSignal: 'SIGINT',
    });
  });

  it('takes one number for both limits of an rlimit', () => {
    expect(specOf({ rlimits: { nofile: 64, core: 'unlimited', cpu: { soft: 1, hard: 2 } } }).rlimits).toEqual([
      { name: 'nofile', soft: 64, hard: 64 },
      { name: 'core', soft: 'unlimited', hard: 'unlimited' },
      { name: 'cpu', soft: 1, hard: 2 },
    ]);
  });

  it('leaves the input as it was, and shares nothing with it', () => {
    const input = { ...base, labels: { a: 'b' }, resources: { io: [{ device: '8:0', rbps: '1M' }] } };
    const before = structuredClone(input);
    const spec = parse(input);
    spec.labels.a = 'changed';
    spec.process.args.push('changed');
    expect(input).toEqual(before);
  });
});

describe('wrong input', () => {
  it.each<[object, string, string, string]>([
    [{ id: '' }, 'id', '""', ID],
    [{ id: '-a' }, 'id', '"-a"', ID],
    [{ id: '..' }, 'id', '".."', ID],
    [{ id: 'a/b' }, 'id', '"a/b"', ID],
    [{ id: 'a\n' }, 'id', '"a\\n"', ID],
    [{ id: 'a\0' }, 'id', '"a\\u0000"', ID],
    [{ id: 'ä' }, 'id', '"ä"', ID],
    [{ id: 7 }, 'id', '7', ID],
    [{ process: 'sh' }, 'process', '"sh"', 'an object with args, entrypoint, env, cwd, user, umask, tty, stdin'],
    [{ process: {} }, 'process.args', 'nothing', 'the program and its arguments: a list of at least one string'],
    [{ process: { args: [] } }, 'process.args', '[]', 'the program and its arguments: a list of at least one string'],
    [
      { process: { args: 'sh -c' } },
      'process.args',
      '"sh -c"',
      'the program and its arguments: a list of at least one string',
    ],
    [{ process: { args: ['sh', 1] } }, 'process.args[1]', '1', 'a string without NUL'],
    [{ process: { args: ['sh', 'a\0b'] } }, 'process.args[1]', '"a\\u0000b"', 'a string without NUL'],
    [
      { process: { args, tty: true, stdin: true } },
      'process.stdin',
      'true',
      'false with process.tty: the terminal is its standard input',
    ],
    [{ process: { args: [''] } }, 'process.args[0]', '""', 'the name or path of a program'],
    [{ process: { args, env: ['A=1'] } }, 'process.env', '["A=1"]', ENV],
    [{ process: { args, env: { A: 1 } } }, 'process.env.A', '1', 'a string without NUL'],
    [{ process: { args, env: { A: '\0' } } }, 'process.env.A', '"\\u0000"', 'a string without NUL'],
    [{ process: { args, env: { 'A=B': '' } } }, 'process.env.A=B', 'the name "A=B"', ENV],
    [{ process: { args, env: { 'A\0': '' } } }, 'process.env.A\0', 'the name "A\\u0000"', ENV],
    [{ process: { args, env: { '': '' } } }, 'process.env.', 'the name ""', ENV],
    [{ process: { args, env: { 'a/b~c': 1 } } }, 'process.env.a/b~c', '1', 'a string without NUL'],
    [{ process: { args, cwd: 'srv' } }, 'process.cwd', '"srv"', 'the working directory: an absolute path'],
    [{ process: { args, cwd: '/\0' } }, 'process.cwd', '"/\\u0000"', 'the working directory: an absolute path'],
    [{ process: { args, user: 'w w' } }, 'process.user', '"w w"', USER],
    [{ process: { args, user: -1 } }, 'process.user', '-1', USER],
    [{ process: { args, user: 4_294_967_295 } }, 'process.user', '4294967295', USER],
    [{ process: { args, user: '0:4294967295' } }, 'process.user', '"0:4294967295"', 'numeric ids up to 4294967294'],
    [{ process: { args, umask: '999' } }, 'process.umask', '"999"', UMASK],
    [{ process: { args, umask: 22 } }, 'process.umask', '22', UMASK],
    [{ root: '/srv' }, 'root', '"/srv"', 'an object with path, file, image, readonly, overlay'],
    [
      { root: { path: 'srv' } },
      'root.path',
      '"srv"',
      'the directory that becomes /; the host\'s own "/" where it is left out: an absolute path',
    ],
    [{ root: { readonly: 'yes' } }, 'root.readonly', '"yes"', BOOLEAN],
    [
      { root: { overlay: 'yes' } },
      'root.overlay',
      '"yes"',
      'true (writes go to a private tmpfs that is lost at the end), {"size": "64M"} to bound it, {"directory": PATH} to keep them, or false',
    ],
    [
      { root: { overlay: { directory: 'a' } } },
      'root.overlay.directory',
      '"a"',
      'a directory of the host that keeps what is written: an absolute path',
    ],
    [{ root: { overlay: { size: 'max' } } }, 'root.overlay.size', '"max"', TMPFS_SIZE],
    [{ hostname: 'a_b' }, 'hostname', '"a_b"', HOSTNAME],
    [{ hostname: 'a-' }, 'hostname', '"a-"', HOSTNAME],
    [{ hostname: 'a'.repeat(65) }, 'hostname', `"${'a'.repeat(59)}...`, HOSTNAME],
    [{ mounts: {} }, 'mounts', '{}', 'a list of mounts'],
    [{ mounts: ['/a'] }, 'mounts[0]', '"/a"', MOUNT],
    [{ mounts: [{ type: 'nfs', target: '/a' }] }, 'mounts[0]', '{"type":"nfs","target":"/a"}', MOUNT],
    [
      { mounts: [{ type: 'bind', target: '/a' }] },
      'mounts[0].source',
      'nothing',
      'the source on the host: an absolute path',
    ],
    [
      { mounts: [{ type: 'bind', source: '/a', target: 'b' }] },
      'mounts[0].target',
      '"b"',
      'the target in the container: an absolute path',
    ],
    [
      {
        mounts: [
          { type: 'tmpfs', target: '/a' },
          { type: 'tmpfs', target: '/b', size: 'big' },
        ],
      },
      'mounts[1].size',
      '"big"',
      TMPFS_SIZE,
    ],
    [{ mounts: [{ type: 'tmpfs', target: '/a', readonly: 1 }] }, 'mounts[0].readonly', '1', BOOLEAN],
    [{ mounts: [{ type: 'tmpfs', target: '/' }] }, 'mounts[0].target', '"/"', TARGET],
    [{ mounts: [{ type: 'tmpfs', target: '/a/../b' }] }, 'mounts[0].target', '"/a/../b"', TARGET],
    [{ mounts: [{ type: 'bind', source: '/a', target: '/./b' }] }, 'mounts[0].target', '"/./b"', TARGET],
    [{ namespaces: { pid: 'mine' } }, 'namespaces.pid', '"mine"', NAMESPACE],
    [{ namespaces: { network: false } }, 'namespaces.network', 'false', NETWORK_NAMESPACE],
    [{ namespaces: { ipc: '/a\0' } }, 'namespaces.ipc', '"/a\\u0000"', NAMESPACE],
    [
      { resources: { cpu: { max: 0 } } },
      'resources.cpu.max',
      '0',
      'processors as a number of at least 0.01, such as 1.5, or "max"',
    ],
    [{ resources: { cpu: { burst: -1 } } }, 'resources.cpu.burst', '-1', DURATION],
    [
      { resources: { cpu: { weight: 10_001 } } },
      'resources.cpu.weight',
      '10001',
      'the share against others: an integer from 1 to 10000',
    ],
    [{ resources: { cpu: { cpus: '0-' } } }, 'resources.cpu.cpus', '"0-"', CPUS],
    [{ resources: { memory: { max: '1X' } } }, 'resources.memory.max', '"1X"', LIMIT],
    [{ resources: { memory: { high: -1 } } }, 'resources.memory.high', '-1', LIMIT],
    [{ resources: { memory: { low: 1.5 } } }, 'resources.memory.low', '1.5', LIMIT],
    [{ resources: { memory: { min: '9000T' } } }, 'resources.memory.min', '"9000T"', LIMIT],
    [{ resources: { memory: { swapMax: 1e300 } } }, 'resources.memory.swapMax', '1e+300', LIMIT],
    [{ resources: { memory: { oomGroup: 0 } } }, 'resources.memory.oomGroup', '0', BOOLEAN],
    [
      { resources: { io: { device: '8:0' } } },
      'resources.io',
      '{"device":"8:0"}',
      'a list of {"device", "rbps"?, "wbps"?, "riops"?, "wiops"?}',
    ],
    [{ resources: { io: [{}] } }, 'resources.io[0].device', 'nothing', 'a block device such as "/dev/vda" or "254:0"'],
    [
      { resources: { io: [{ device: 'vda' }] } },
      'resources.io[0].device',
      '"vda"',
      'a block device such as "/dev/vda" or "254:0"',
    ],
    [{ resources: { io: [{ device: '8:0', rbps: 'x' }] } }, 'resources.io[0].rbps', '"x"', RATE],
    [{ resources: { io: [{ device: '8:0', wbps: -1 }] } }, 'resources.io[0].wbps', '-1', RATE],
    [{ resources: { io: [{ device: '8:0', riops: 0 }] } }, 'resources.io[0].riops', '0', OPERATIONS],
    [{ resources: { io: [{ device: '8:0', wiops: 1e300 }] } }, 'resources.io[0].wiops', '1e+300', OPERATIONS],
    [
      { resources: { pids: 0 } },
      'resources.pids',
      '0',
      'processes and threads as an integer from 1 to 4194304, or "max"',
    ],
    [{ rlimits: { nofile: -1 } }, 'rlimits.nofile', '-1', RLIMIT],
    [{ rlimits: { nofile: 1e300 } }, 'rlimits.nofile', '1e+300', RLIMIT],
    [{ rlimits: { nofile: 'infinity' } }, 'rlimits.nofile', '"infinity"', RLIMIT],
    [{ rlimits: { nofile: { soft: 1 } } }, 'rlimits.nofile.hard', 'nothing', 'an integer or "unlimited"'],
    [{ capabilities: { add: 'ALL' } }, 'capabilities.add', '"ALL"', CAPABILITIES],
    [{ capabilities: { drop: ['a-b'] } }, 'capabilities.drop[0]', '"a-b"', CAPABILITY],
    [{ capabilities: { add: ['KILL', 'FLY'] } }, 'capabilities.add[1]', '"FLY"', CAPABILITY],
    [
      { mounts: [{ type: 'bind', source: '/a', target: '/b', idmap: 'no' }] },
      'mounts[0].idmap',
      '"no"',
      'true or false (whether files on the host keep the container\'s own ids), or {"uids": MAP, "gids": MAP} with the ids on disk as "host"',
    ],
    [{ userns: 'new' }, 'userns', '"new"', USERNS],
    [{ userns: null }, 'userns', 'null', USERNS],
    [{ userns: { gids } }, 'userns.uids', 'nothing', ID_MAP],
    [{ userns: { uids: [], gids } }, 'userns.uids', '[]', ID_MAP],
    [{ userns: { uids: '0 0 1', gids } }, 'userns.uids', '"0 0 1"', ID_MAP],
    [
      { userns: { uids: [{ container: 0, host: 0 }], gids } },
      'userns.uids[0].size',
      'nothing',
      'how many: an integer from 1 to 4294967295',
    ],
    [
      { userns: { uids: [{ container: -1, host: 0, size: 1 }], gids } },
      'userns.uids[0].container',
      '-1',
      'the first id in the container: an integer from 0 to 4294967294',
    ],
    [
      { userns: { uids: gids, gids: [{ container: 0, host: 1e10, size: 1 }] } },
      'userns.gids[0].host',
      '10000000000',
      'the first id on the host: an integer from 0 to 4294967294',
    ],
    [{ seccomp: 'strict' }, 'seccomp', '"strict"', SECCOMP],
    [{ seccomp: 7 }, 'seccomp', '7', SECCOMP],
    [{ seccomp: {} }, 'seccomp.defaultAction', 'nothing', ACTION],
    [{ seccomp: { defaultAction: 'SCMP_ACT_NOTIFY' } }, 'seccomp.defaultAction', '"SCMP_ACT_NOTIFY"', ACTION],
    [
      { seccomp: { defaultAction: 'SCMP_ACT_LOG', defaultErrnoRet: 4096 } },
      'seccomp.defaultErrnoRet',
      '4096',
      'an errno: an integer from 0 to 4095',
    ],
    [
      { seccomp: { defaultAction: 'SCMP_ACT_LOG', architectures: 'x86' } },
      'seccomp.architectures',
      '"x86"',
      'a list of names such as SCMP_ARCH_X86_64',
    ],
    [{ seccomp: { defaultAction: 'SCMP_ACT_LOG', syscalls: {} } }, 'seccomp.syscalls', '{}', SYSCALLS],
    ...(
      [
        [{ names: [], action: 'SCMP_ACT_LOG' }, 'names', '[]', 'a list of at least one system call'],
        [
          { names: ['Read'], action: 'SCMP_ACT_LOG' },
          'names[0]',
          '"Read"',
          'the name of a system call, such as "openat"',
        ],
        [{ names: ['read'] }, 'action', 'nothing', ACTION],
        [
          { names: ['read'], action: 'SCMP_ACT_LOG', errnoRet: -1 },
          'errnoRet',
          '-1',
          'an errno: an integer from 0 to 4095',
        ],
        [
          { names: ['read'], action: 'SCMP_ACT_LOG', args: {} },
          'args',
          '{}',
          'a list of {"index", "value", "valueTwo"?, "op"}',
        ],
        [
          { names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] },
          'args[0].index',
          '6',
          'an argument: an integer from 0 to 5',
        ],
        [
          { names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 0, op: '=' }] },
          'args[0].op',
          '"="',
          'SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ',
        ],
        [
          { names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 1e300, op: 'SCMP_CMP_EQ' }] },
          'args[0].value',
          '1e+300',
          'a number, or one of up to 64 bits such as "0xffffffffffffffff"',
        ],
      ] as const
    ).map(([rule, path, found, allowed]): [object, string, string, string] => [
      { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] } },
      `seccomp.syscalls[0].${path}`,
      found,
      allowed,
    ]),
    [
      { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [0, 1, 2, 3, 4].map(combinedRule) } },
      'seccomp.syscalls[4]',
      'more than 729 combinations of conditions (args) of the call "read", where one rule has several',
      'at most 729',
    ],
    [{ devices: '/dev/fuse' }, 'devices', '"/dev/fuse"', 'a list of devices beside the usual ones'],
    [{ devices: ['/dev/'] }, 'devices[0]', '"/dev/"', DEVICE],
    [{ devices: ['/dev/fuse', '/srv/disk'] }, 'devices[1]', '"/srv/disk"', DEVICE],
    [
      { devices: ['/dev/../srv/disk'] },
      'devices[0]',
      '"/dev/../srv/disk"',
      'a path below /dev without "." or ".." in it',
    ],
    [{ lifetime: 'soon' }, 'lifetime', '"soon"', DURATION],
    [{ lifetime: 1e300 }, 'lifetime', '1e+300', DURATION],
    [{ lifetime: Number.POSITIVE_INFINITY }, 'lifetime', 'Infinity', DURATION],
    [{ lifetime: '999999999d' }, 'lifetime', '"999999999d"', DURATION],
    [{ lifetime: 0 }, 'lifetime', '0', 'more than 0'],
    [{ lifetime: '0ms' }, 'lifetime', '"0ms"', 'more than 0'],
    [{ lifetime: null }, 'lifetime', 'null', DURATION],
    [{ jitter: '1x' }, 'jitter', '"1x"', DURATION],
    [{ stopTimeout: [] }, 'stopTimeout', '[]', DURATION],
    [{ stopSignal: 0 }, 'stopSignal', '0', SIGNAL],
    [{ stopSignal: 65 }, 'stopSignal', '65', SIGNAL],
    [{ stopSignal: 'SIGNOPE' }, 'stopSignal', '"SIGNOPE"', SIGNAL],
    [{ stopSignal: 'SIGRTMIN+31' }, 'stopSignal', '"SIGRTMIN+31"', SIGNAL],
    [{ init: 1 }, 'init', '1', BOOLEAN],
    [{ labels: [] }, 'labels', '[]', LABELS],
    [{ labels: { a: 1 } }, 'labels.a', '1', 'a string of at most 4096 characters'],
    [{ labels: { a: 'x'.repeat(4097) } }, 'labels.a', `"${'x'.repeat(59)}...`, 'a string of at most 4096 characters'],
    [{ labels: { 'a b': '' } }, 'labels.a b', 'the name "a b"', LABELS],
    [{ owner: '' }, 'owner', '""', OWNER],
    [{ owner: 'a\nb' }, 'owner', '"a\\nb"', OWNER],
    [{ oomScoreAdj: 1001 }, 'oomScoreAdj', '1001', OOM_SCORE],
    [{ oomScoreAdj: 0.5 }, 'oomScoreAdj', '0.5', OOM_SCORE],
  ])('%j is refused at %s', (fields, path, found, allowed) => {
    expect(problemsOf(fields)).toEqual([{ path, found, allowed }]);
  });

  it.each([[null], [undefined], [[]], ['sh'], [7], [true]])('refuses %j, which is no object', (input) => {
    const found = input === undefined ? 'nothing' : JSON.stringify(input);
    expect(problemsIn(() => parse(input))).toEqual([{ path: '(top)', found, allowed: TOP }]);
  });

  it.each<[object, string, string]>([
    [{ process: { args, arg: 1 } }, 'process.arg', 'args, cwd, entrypoint, env, stdin, tty, umask, user'],
    [{ root: { ro: true } }, 'root.ro', 'file, image, overlay, path, readonly'],
    [{ root: { overlay: { size: 1, max: 1 } } }, 'root.overlay.max', 'directory, size'],
    [{ namespaces: { user: 'new' } }, 'namespaces.user', 'cgroup, ipc, mount, network, pid, uts'],
    [{ resources: { gpu: 1 } }, 'resources.gpu', 'cpu, io, memory, pids'],
    [{ resources: { cpu: { shares: 1 } } }, 'resources.cpu.shares', 'burst, cpus, max, weight'],
    [{ resources: { memory: { limit: 1 } } }, 'resources.memory.limit', 'high, low, max, min, oomGroup, swapMax'],
    [{ resources: { io: [{ device: '8:0', bps: 1 }] } }, 'resources.io[0].bps', 'device, rbps, riops, wbps, wiops'],
    [{ capabilities: { keep: [] } }, 'capabilities.keep', 'add, drop'],
    [{ userns: { uids: gids, gids, setgroups: 'deny' } }, 'userns.setgroups', 'gids, uids'],
    [
      { seccomp: { defaultAction: 'SCMP_ACT_LOG', flags: [] } },
      'seccomp.flags',
      'architectures, defaultAction, defaultErrnoRet, syscalls',
    ],
    [{ rlimits: { cpu: { soft: 1, hard: 1, max: 1 } } }, 'rlimits.cpu.max', 'hard, soft'],
    [
      { mounts: [{ type: 'bind', source: '/a', target: '/b', size: 1 }] },
      'mounts[0].size',
      'idmap, propagation, readonly, size, source, target, type',
    ],
  ])('the unknown field in %j is refused at %s', (fields, path, allowed) => {
    expect(problemsOf(fields)).toEqual([
      { path, found: expect.stringMatching(/^a field that niwa does not know/), allowed },
    ]);
  });

  it.each<[string, string]>([
    ['{"__proto__":{"init":true}}', '__proto__'],
    ['{"constructor":1}', 'constructor'],
    ['{"toString":1}', 'toString'],
    ['{"root":{"__proto__":{"path":"/x"}}}', 'root.__proto__'],
    ['{"namespaces":{"__proto__":"host"}}', 'namespaces.__proto__'],
    ['{"rlimits":{"__proto__":1}}', 'rlimits.__proto__'],
    ['{"resources":{"hasOwnProperty":1}}', 'resources.hasOwnProperty'],
    ['{"labels":{"__proto__":"x"}}', 'labels.__proto__'],
  ])('%s cannot smuggle in what every object has', (json, path) => {
    const input = JSON.parse(`{"process":{"args":["a"]},${json.slice(1)}`);
    expect(problemsIn(() => parse(input)).map((problem) => problem.path)).toEqual([path]);
  });

  it.each<[object, string]>([
    [{ mounts: [{ type: 'tmpfs', target: '/t', size: 0 }] }, 'mounts[0].size'],
    [{ mounts: [{ type: 'tmpfs', target: '/t', size: '0.5' }] }, 'mounts[0].size'],
    [{ root: { overlay: { size: '0G' } } }, 'root.overlay.size'],
  ])('a tmpfs of no size, which would be one without a bound, is refused: %j', (fields, path) => {
    expect(problemsOf(fields)).toMatchObject([{ path, allowed: expect.stringContaining('more than 0') }]);
  });

  it('tells every problem at once, in one message and as data', () => {
    const error = refusal(() =>
      parse({ id: '/', proces: {}, resources: { pids: 0 }, mounts: [{ type: 'tmpfs', target: 'a', size: 'b' }] }),
    );
    expect(error.code).toBe('SPEC_INVALID');
    expect(error.details.problems?.map(({ path }) => path)).toEqual([
      'proces',
      'id',
      'mounts[0].target',
      'mounts[0].size',
      'resources.pids',
    ]);
    expect(error.message).toMatch(
      /^the spec is invalid: proces: found a field that niwa does not know; did you mean process\?; allowed: /,
    );
    expect(error.message).toContain('; mounts[0].size: found "b"; allowed: bytes as an integer');
  });

  it('tells every problem of meaning at once', () => {
    const paths = problemsOf({
      process: { args: [''], user: '4294967295' },
      mounts: [{ type: 'tmpfs', target: '/..' }],
      rlimits: { nofile: { soft: 2, hard: 1 } },
      capabilities: { add: ['FLY'], drop: ['SWIM'] },
      jitter: 1,
      stopSignal: 'NOPE',
    }).map(({ path }) => path);
    expect(paths.sort()).toEqual([
      'capabilities.add[0]',
      'capabilities.drop[0]',
      'jitter',
      'mounts[0].target',
      'process.args[0]',
      'process.user',
      'rlimits.nofile.soft',
      'stopSignal',
    ]);
  });

  it('never takes many unknown fields for none, and stops at a hundred', () => {
    const unknown = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, i]));
    expect(problemsOf(unknown(9))).toHaveLength(9);
    expect(problemsOf(unknown(5000))).toHaveLength(100);
  });

  it('refuses what is nested too deeply to be shown', () => {
    let deep: unknown = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(problemsOf({ id: deep })).toEqual([{ path: 'id', found: `${'['.repeat(60)}...`, allowed: ID }]);
  });

  it('refuses a value that is inside itself, as YAML can write it', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(problemsOf({ mounts: cycle }).map(({ path }) => path)).toEqual(['mounts[0]']);
  });
});

describe('fields that do not go together', () => {
  const ownMounts = 'nothing, or namespaces.mount "new": a mount namespace of others is taken as it is';

  it.each<[object, string, string, string]>([
    [
      { resources: { cpu: { max: 0.5, burst: '51ms' } } },
      'resources.cpu.burst',
      '"51ms"',
      'at most the quota of one period, 50ms for 0.5 processors',
    ],
    [
      { resources: { cpu: { max: 0.29, burst: '30ms' } } },
      'resources.cpu.burst',
      '"30ms"',
      'at most the quota of one period, 29ms for 0.29 processors',
    ],
    [{ resources: { cpu: { max: 'max', burst: 1 } } }, 'resources.cpu.burst', '1', 'nothing where cpu.max is "max"'],
    [{ rlimits: { nofile: { soft: 2, hard: 1 } } }, 'rlimits.nofile.soft', '2', 'at most the hard limit 1'],
    [
      { rlimits: { nofile: { soft: 'unlimited', hard: 1 } } },
      'rlimits.nofile.soft',
      '"unlimited"',
      'at most the hard limit 1',
    ],
    [
      { userns: 'auto', namespaces: { mount: 'host' } },
      'userns',
      '"auto"',
      '"host" where the mount namespace is not new',
    ],
    [
      { capabilities: { add: ['KILL', 'cap_net_admin'] } },
      'capabilities.add[1]',
      '"cap_net_admin"',
      'capabilities that act inside a user namespace; this one needs userns "host"',
    ],
    [
      { process: { args, user: 65_536 } },
      'process.user',
      '65536',
      'ids up to 65535; more need userns "host" or maps of their own',
    ],
    [
      { process: { args, user: '0:65536' } },
      'process.user',
      '"0:65536"',
      'ids up to 65535; more need userns "host" or maps of their own',
    ],
    [
      { process: { args, user: '5:10' }, userns: { uids: gids, gids } },
      'process.user',
      '"5:10"',
      'ids that userns maps',
    ],
    [{ userns: { uids: [{ container: 1, host: 0, size: 1 }], gids } }, 'process.user', '0', 'ids that userns maps'],
    [
      { userns: { uids: gids, gids: [...gids, { container: 10, host: 4_294_967_294, size: 2 }] } },
      'userns.gids[1]',
      '{"container":10,"host":4294967294,"size":2}',
      'ids up to 4294967294',
    ],
    [
      { userns: { uids: [...gids, { container: 9, host: 0, size: 1 }], gids } },
      'userns.uids[1]',
      '{"container":9,"host":0,"size":1}',
      'ids that no mapping before it has, on either side',
    ],
    [
      { userns: { uids: [...gids, { container: 10, host: 99_999, size: 2 }], gids } },
      'userns.uids[1]',
      '{"container":10,"host":99999,"size":2}',
      'ids that no mapping before it has, on either side',
    ],
    [{ jitter: '1s' }, 'jitter', '"1s"', 'at most the lifetime, which it shortens at random'],
    [{ lifetime: 60, jitter: '61s' }, 'jitter', '"61s"', 'at most the lifetime, which it shortens at random'],
    [
      mappedMount([{ container: 65_535, host: 0, size: 2 }]),
      'mounts[0].idmap.uids[0].container',
      '65535',
      'ids that userns maps',
    ],
    [
      mappedMount([{ container: 0, host: 4_294_967_294, size: 2 }]),
      'mounts[0].idmap.uids[0]',
      '{"container":0,"host":4294967294,"size":2}',
      'ids up to 4294967294',
    ],
    [{ root: { path: '/srv', file: '/a.sqfs' } }, 'root.file', '"/a.sqfs"', 'nothing beside root.path'],
    [{ root: { overlay: { directory: '/kept' } } }, 'root.overlay.directory', '"/kept"', NOT_OVER_HOST],
    [{ root: { path: '/', overlay: { directory: '/kept' } } }, 'root.overlay.directory', '"/kept"', NOT_OVER_HOST],
    [{ namespaces: { mount: 'host' }, root: {} }, 'root', '{}', ownMounts],
    [{ namespaces: { mount: '/proc/1/ns/mnt' }, mounts: [] }, 'mounts', '[]', ownMounts],
    [
      { namespaces: { uts: 'host' }, hostname: 'a' },
      'hostname',
      '"a"',
      'nothing, or namespaces.uts "new": it would change the host\'s own name',
    ],
  ])('%j is refused at %s', (fields, path, found, allowed) => {
    expect(problemsOf(fields)).toEqual([{ path, found, allowed }]);
  });

  it.each<[object]>([
    [{ resources: { cpu: { max: 0.29, burst: '29ms' } } }],
    [{ resources: { cpu: { burst: '1s' } } }],
    [{ rlimits: { nofile: { soft: 1, hard: 'unlimited' } } }],
    [{ lifetime: 60, jitter: '1m' }],
    [{ process: { args, user: '65535:65535' } }],
    [{ userns: 'host', process: { args, user: 4_294_967_294 }, capabilities: { add: ['NET_ADMIN'] } }],
    [{ namespaces: { mount: 'host' }, capabilities: { add: ['SYS_ADMIN'] } }],
    [{ capabilities: { add: ['ALL'] } }],
    [{ userns: { uids: [...gids, { container: 10, host: 100_010, size: 4_294_867_285 }], gids } }],
    [{ devices: ['/dev/.hidden', '/dev/net/tun'] }],
    [{ namespaces: { uts: '/proc/1/ns/uts' }, hostname: 'a' }],
    [{ mounts: [{ type: 'tmpfs', target: '/..a/b..' }] }],
    [{ labels: { 'example.org/team': '' }, process: { args: ['a', ''], env: { 'A B': '=' } } }],
  ])('%j is right', (fields) => {
    expect(parse({ ...base, ...fields }).id).toBe('free-id');
  });
});

describe('any input', () => {
  it('gives a spec whose plan can be encoded, or is refused with problems, and stays as it was', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearSpecInputs), (input) => {
        const before = structuredClone(input);
        try {
          expect(encodeProgram(makePlan(parse(input), capableHost).boot).length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof NiwaError)) throw error;
          expect(error.code).toBe('SPEC_INVALID');
          expect(error.details.problems?.length).toBeGreaterThan(0);
        }
        expect(input).toEqual(before);
      }),
      { numRuns: 1000 },
    );
  });

  it('that is valid is taken, the same way each time', () => {
    fc.assert(
      fc.property(specInputs, (input) => {
        expect(parse(input)).toEqual(parse(structuredClone(input)));
      }),
      { numRuns: 300 },
    );
  });
});
