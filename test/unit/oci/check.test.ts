import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { checkConfig } from '../../../src/oci/check.js';
import { parseExact } from '../../../src/oci/exact-json.js';
import { FIELDS, fieldTable } from '../../../src/oci/fields.js';

/** The config that `niwa-oci spec` writes. */
function defaultConfig() {
  const source = readFileSync(new URL('../../../native/oci/default_spec.c', import.meta.url), 'utf8');
  const lines = [...source.matchAll(/^.*?"(.*)\\n";?$/gm)].map(([, line = '']) => line.replaceAll('\\"', '"'));
  return parseExact('it', lines.join('\n')) as Record<string, never>;
}

/** The default config with a value at a place such as `linux.seccomp`. */
function withValue(place: string, value: unknown) {
  const config = defaultConfig();
  const names = place.split('.');
  const last = names.pop() ?? '';
  let parent: Record<string, unknown> = config;
  for (const name of names) {
    parent[name] ??= {};
    parent = parent[name] as Record<string, unknown>;
  }
  parent[last] = value;
  return config;
}

it('takes the config that the command writes', () => {
  expect(checkConfig(defaultConfig())).toEqual(defaultConfig());
});

it('refuses each field that is not built by its name', () => {
  const refused = Object.entries(FIELDS).filter(([name, { type }]) => type === null && !name.includes('[]'));
  expect(refused.length).toBeGreaterThan(5);
  for (const [name] of refused) expect(() => checkConfig(withValue(name, { x: 1 })), name).toThrow(`${name}: `);
});

describe('a config', () => {
  it.each([
    ['linux.resources.memory', { swappiness: 60 }, 'linux.resources.memory.swappiness: cgroup v2 has no such limit'],
    ['linux.resources.network', { classID: 1 }, 'linux.resources.network.classID: cgroup v2 has no such limit'],
    ['linux.resources', { rdma: { a: { hcaHandles: '1' } } }, 'linux.resources.rdma["a"].hcaHandles: it has to be an'],
    ['mounts', [{ destination: '/a', uidMappings: [{ size: 'x' }] }], 'mounts[0].uidMappings[0].size: it has to be'],
    ['mounts', [{ destination: '' }], 'mounts[0].destination: it is missing'],
    ['process.scheduler', { policy: 5 }, 'process.scheduler.policy: it has to be a text'],
    ['process.args', 'sh', 'process.args: it has to be a list of texts'],
    ['process.args', ['a\0b'], 'process.args: it has to be a list of texts'],
    ['process.args', [], 'process.args: it is missing'],
    ['process.cwd', 'tmp', 'process.cwd: it has to be an absolute path'],
    ['process.user.uid', -1, 'process.user.uid: it has to be from 0 to 4294967294'],
    [
      'linux.devices',
      [{ path: '/dev/x', type: 'c', major: 1, minor: 1_048_576 }],
      'linux.devices[0].minor: it has to be from',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_NOTIFY' }] },
      'linux.seccomp.syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_NOTIFY' },
      'linux.seccomp.defaultAction "SCMP_ACT_NOTIFY": the calls of niwa-oci itself',
    ],
    ['linux.seccomp', { defaultAction: 'SCMP_ACT_X' }, 'linux.seccomp.defaultAction "SCMP_ACT_X": there is no such'],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] },
      'linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs the path of an agent',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '@a' },
      'listenerPath: it has to be an absolute',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] },
      'linux.seccomp.flags "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": it has no effect',
    ],
    ['linux.seccomp', { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'a' }, 'listenerMetadata: it has no effect'],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 0x7ffa_0000 },
      'linux.seccomp.defaultErrnoRet: it has to be from 0 to 4095',
    ],
    [
      'linux.seccomp',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 0x7ffa_0000 }],
      },
      'linux.seccomp.syscalls[0].errnoRet: it has to be from 0 to 4095',
    ],
    ['linux.seccomp', { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['X'] }, 'linux.seccomp.architectures[0] "X"'],
    ['linux.seccomp', { defaultAction: 'SCMP_ACT_TRACE', defaultErrnoRet: 65_536 }, 'it has to be from 0 to 65535'],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 },
      'linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW gives no errno',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_KILL', errnoRet: 0 }] },
      'linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL gives no errno',
    ],
    [
      'linux.seccomp',
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] },
      'linux.seccomp: the filter refuses what the start needs: execve has to be allowed',
    ],
    ['linux.devices', [{ path: '/dev/x', type: 'c', minor: 3 }], 'linux.devices[0].major: it has to be from 0 to 4095'],
    ['linux.devices', [{ path: '/dev/x', type: 'b', major: 3 }], 'linux.devices[0].minor: it has to be from 0'],
    ['process.consoleSize', { height: -1, width: 3 }, 'process.consoleSize.height: it has to be from 0 to 65535'],
    ['process.consoleSize', { height: 1, width: 70_000 }, 'process.consoleSize.width: it has to be from 0 to 65535'],
    ['linux.namespaces', [{ type: 'uts', path: 'a/b' }], 'linux.namespaces[0].path: it has to be an absolute path'],
    ['linux.timeOffsets', { realtime: { secs: 1 } }, 'linux.timeOffsets.realtime: niwa-oci does not support it'],
    [
      'linux.resources.blockIO',
      { weightDevice: [{ major: 8, minor: 0 }] },
      'linux.resources.blockIO.weightDevice[0].weight: it is missing',
    ],
    [
      'linux.resources.blockIO',
      { throttleReadBpsDevice: [{ major: 8, rate: 3 }] },
      'linux.resources.blockIO.throttleReadBpsDevice[0].minor: it is missing',
    ],
    ['root.path', '', 'root.path: it is missing'],
    ['ociVersion', '2.0.0', 'ociVersion: niwa-oci supports 1.0 to 1.3'],
    ['hostname', 'ä'.repeat(33), 'hostname: it has more than 64 bytes'],
    ['domainname', 'a'.repeat(65), 'domainname: it has more than 64 bytes'],
  ])('with %s %j is refused', (place, value, message) => {
    expect(() => checkConfig(withValue(place, value))).toThrow(message);
  });

  it('without ociVersion is refused', () => {
    const { ociVersion, ...rest } = withValue('hostname', 'a') as Record<string, unknown>;
    expect(() => checkConfig(rest)).toThrow('ociVersion: it is missing');
  });

  it.each([
    ['hostname', 'kernel.hostname'],
    ['domainname', 'kernel.domainname'],
  ])('with a %s and another name in sysctl is refused', (field, setting) => {
    const config = withValue('linux.sysctl', { [setting]: 'a' });
    expect(() => checkConfig({ ...config, [field]: 'b' })).toThrow(`linux.sysctl "${setting}"`);
    checkConfig({ ...config, [field]: 'a' });
  });

  it('is of root where it names no user', () => {
    const { process } = checkConfig(withValue('process.user', {}));
    expect(process.user).toMatchObject({ uid: 0, gid: 0 });
  });

  it('takes the agent of a filter that asks nobody, and says so', () => {
    const tell = vi.fn();
    checkConfig(withValue('linux.seccomp', { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/a' }), tell);
    expect(tell.mock.calls).toEqual([[['linux.seccomp.listenerPath, as no call has the action SCMP_ACT_NOTIFY']]]);
  });

  it('leaves out the options of a file system where a bind has them, and tells them', () => {
    const tell = vi.fn();
    const bind = {
      destination: '/a',
      type: 'bind',
      options: ['rbind', 'size=1k', 'mode=755', 'idmap=uids=0-1-1', 'nosudi'],
    };
    const tmpfs = { destination: '/b', type: 'tmpfs', options: ['size=1k'] };
    const { mounts } = checkConfig(withValue('mounts', [bind, tmpfs]), tell);
    expect(mounts?.map(({ options }) => options)).toEqual([['rbind', 'idmap=uids=0-1-1', 'nosudi'], ['size=1k']]);
    expect(tell.mock.calls).toEqual([[['mounts[0].options "size=1k"', 'mounts[0].options "mode=755"']]]);
  });

  it('leaves out the options of a whole file system where a bind has them, and tells them', () => {
    const words = ['async', 'sync', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand', 'acl', 'noacl'];
    const versions = ['iversion', 'noiversion'];
    const tell = vi.fn();
    const bind = { destination: '/a', type: 'bind', options: [...words, ...versions, 'ro'] };
    const tmpfs = { destination: '/b', type: 'tmpfs', options: ['sync', ...versions] };
    const { mounts } = checkConfig(withValue('mounts', [bind, tmpfs]), tell);
    expect(mounts?.map(({ options }) => options)).toEqual([['ro'], ['sync']]);
    expect(tell.mock.calls[0]?.[0]).toContain('mounts[0].options "lazytime"');
    expect(tell.mock.calls[0]?.[0]).toContain('mounts[1].options "iversion"');
  });

  it('leaves out what an engine says of a volume where a bind has it, and leaves it elsewhere', () => {
    const tell = vi.fn();
    const bind = { destination: '/a', type: 'bind', options: ['rbind', 'nocopy'] };
    const tmpfs = { destination: '/b', type: 'tmpfs', options: ['copy'] };
    const { mounts } = checkConfig(withValue('mounts', [bind, tmpfs]), tell);
    expect(mounts?.map(({ options }) => options)).toEqual([['rbind'], ['copy']]);
    expect(tell.mock.calls).toEqual([[['mounts[0].options "nocopy"']]]);
  });

  it('has the relative destination of a mount from the root on, and says so', () => {
    const tell = vi.fn();
    const { mounts } = checkConfig(withValue('mounts', [{ destination: 'a/../b', type: 'tmpfs' }]), tell);
    expect(mounts?.[0]?.destination).toBe('/b');
    expect(tell.mock.calls).toEqual([[['mounts[0].destination "a/../b", which is read from /']]]);
  });

  it.each([
    ['1.3.0', 1],
    ['1.2.1', 0],
  ])('of version %s has a pids.limit of 0 as %i', (ociVersion, limit) => {
    const config = { ...withValue('linux.resources', { pids: { limit: 0 } }), ociVersion };
    expect(checkConfig(config).linux?.resources?.pids?.limit).toBe(limit);
  });

  it('has no capability that is not known, and says so', () => {
    const tell = vi.fn();
    const { process } = checkConfig(withValue('process.capabilities', { bounding: ['CAP_FLY', 'CAP_KILL'] }), tell);
    expect(process.capabilities).toEqual({ bounding: ['CAP_KILL'] });
    expect(tell.mock.calls).toEqual([[['process.capabilities.bounding "CAP_FLY"']]]);
  });

  it('may name the architectures of other machines in its filter', () => {
    const own = process.arch === 'x64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64';
    const architectures = ['SCMP_ARCH_RISCV64', own];
    const { linux } = checkConfig(withValue('linux.seccomp', { defaultAction: 'SCMP_ACT_ALLOW', architectures }));
    expect(linux?.seccomp).toMatchObject({ architectures: [own] });
  });

  it('may have an empty filter, which asks for nothing', () => {
    expect(checkConfig(withValue('linux.seccomp', {})).linux).not.toHaveProperty('seccomp');
  });

  it('with a filter that was seen before is checked as the first one', () => {
    const word = fc.constantFrom('read', 'SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_NOTIFY', 'SCMP_CMP_EQ', 'a\0b');
    const number = fc.constantFrom<number | bigint>(0, -1, 3, 65_536, 2 ** 53, 2n ** 64n - 1n, 2n ** 64n);
    const args = fc.record({ index: number, value: number, op: word, more: word }, { requiredKeys: ['index'] });
    const call = fc.record(
      { names: fc.array(word), action: word, errnoRet: number, args: fc.array(args), other: word },
      { requiredKeys: ['names', 'action'] },
    );
    const filter = fc.record(
      { defaultAction: word, architectures: fc.array(word), syscalls: fc.array(call), listenerPath: word, extra: word },
      { requiredKeys: ['defaultAction'] },
    );
    const outcome = (seccomp: unknown) => {
      const tell = vi.fn();
      try {
        return [
          checkConfig(withValue('linux.seccomp', structuredClone(seccomp)), tell).linux?.seccomp,
          tell.mock.calls,
        ];
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(filter, (one) => {
        expect(outcome(one)).toEqual(outcome(one));
      }),
    );
  });

  it('shares its filter with others of the same text, and with no other one', () => {
    const filterOf = (action: string) =>
      checkConfig(withValue('linux.seccomp', { defaultAction: action })).linux?.seccomp;
    expect(filterOf('SCMP_ACT_LOG')).toBe(filterOf('SCMP_ACT_LOG'));
    expect(filterOf('SCMP_ACT_LOG')).not.toBe(filterOf('SCMP_ACT_ALLOW'));
    expect(Object.isFrozen(filterOf('SCMP_ACT_LOG'))).toBe(true);
  });

  it('with more groups than an operation has room for is refused', () => {
    const config = withValue(
      'process.user.additionalGids',
      Array.from({ length: 65_600 }, () => 1),
    );
    expect(() => checkConfig(config)).toThrow('process.user.additionalGids: it has 65600 entries; at most 65000');
  });

  it.for([
    ['linux.maskedPaths', Array<string>(4097).fill('/proc/x')],
    ['mounts', Array(4097).fill({ destination: '/x', type: 'tmpfs' })],
    ['annotations', Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`a${i}`, 'x']))],
    ['process.env', Array<string>(65_001).fill('A=')],
    ['linux.resources.devices', Array(501).fill({ allow: true })],
  ] as const)('with too many entries of %s is refused', ([field, value]) => {
    expect(() => checkConfig(withValue(field, value))).toThrow(`${field}: it has ${Object.keys(value).length} entries`);
  });

  it('with a limit beyond 64 bits is refused', () => {
    const config = withValue('process.rlimits', [{ type: 'RLIMIT_CORE', soft: 0, hard: 2n ** 64n }]);
    expect(() => checkConfig(config)).toThrow('process.rlimits[0].hard: it has to be from 0 to 18446744073709551615');
  });

  it('may have limits of cgroup v1 that ask for nothing, as engines write them', () => {
    const resources = {
      memory: { swappiness: 2n ** 64n - 1n, kernel: -1, kernelTCP: 0, useHierarchy: true, disableOOMKiller: false },
      cpu: { realtimeRuntime: 0, realtimePeriod: 0 },
      blockIO: { leafWeight: 0, weightDevice: [{ major: 8, minor: 0, leafWeight: 0 }] },
      network: { classID: 0, priorities: [] },
      hugepageLimits: [],
    };
    expect(checkConfig(withValue('linux.resources', resources)).linux?.resources).toEqual(resources);
  });

  it('loses fields that the OCI does not have, and they are told of', () => {
    const tell = vi.fn();
    const config = { ...withValue('process.nice', 3), constructor: 3, mounts: [{ destination: '/a', label: {} }] };
    const { process, mounts } = checkConfig({ ...config, zoo: [], ...{ linux: { timeOffsets: { tai: 1 } } } }, tell);
    expect(tell.mock.calls).toEqual([[['process.nice', 'linux.timeOffsets.tai', 'constructor']]]);
    expect(process).not.toHaveProperty('nice');
    expect(mounts).toEqual([{ destination: '/a' }]);
  });

  it('may have fields that ask for nothing', () => {
    const config = { ...withValue('linux.intelRdt', {}), hooks: {}, domainname: '' };
    expect(checkConfig(config)).toEqual(config);
  });

  it('loses what asks for nothing in a wrong type, which would be taken for true', () => {
    const { process = {}, linux = {} } = checkConfig({
      ...withValue('process.terminal', []),
      linux: { resources: { devices: [{ allow: {}, access: 'rwm' }] } },
    });
    expect(process).not.toHaveProperty('terminal');
    expect(linux.resources?.devices).toEqual([{ access: 'rwm' }]);
  });
});

it.each([
  [{ prestart: [{ path: 'true' }] }, 'hooks.prestart[0].path: it has to be an absolute path'],
  [{ poststop: [{ path: '/x' }, { path: '/x', timeout: 0 }] }, 'hooks.poststop[1].timeout: it has to be from 1'],
  [{ poststart: [{ path: '/x', args: ['x', 1] }] }, 'hooks.poststart[0].args: it has to be a list of texts'],
])('refuses hooks %j', (hooks, words) => {
  expect(() => checkConfig({ ...defaultConfig(), hooks })).toThrow(words);
});

it('refuses more than 64 hooks of a point', () => {
  const hooksOf = (count: number) => ({ ...defaultConfig(), hooks: { poststop: Array(count).fill({ path: '/x' }) } });
  expect(() => checkConfig(hooksOf(65))).toThrow('hooks.poststop: at most 64 are supported');
  checkConfig(hooksOf(64));
});

it('is told of in docs/oci.md, field by field', () => {
  expect(readFileSync(new URL('../../../docs/oci.md', import.meta.url), 'utf8')).toContain(fieldTable());
});
