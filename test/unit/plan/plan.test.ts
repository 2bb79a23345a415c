import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeProgram } from '../../../src/plan/encode.js';
import { OP_CODES, type OpName } from '../../../src/plan/op.js';
import { write } from '../../../src/plan/ops.js';
import { describeEnd, makePlan, planSteps } from '../../../src/plan/plan.js';
import { DEFAULT_PROFILE } from '../../../src/plan/seccomp.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { specInputs } from '../arbitrary.js';
import { capableHost, specOf } from '../support.js';

const planOf = (fields: Partial<SpecInput> = {}) => makePlan(specOf(fields), capableHost);
const namesOf = (fields: Partial<SpecInput> = {}) => planOf(fields).boot.map(({ name }) => name);
const textsOf = (fields: Partial<SpecInput> = {}) => planOf(fields).boot.map(({ text }) => text);

/** A container that shares everything with the host: the shortest plan. */
const bare: Partial<SpecInput> = {
  namespaces: { mount: 'host', pid: 'host', network: 'host', ipc: 'host', uts: 'host', cgroup: 'host' },
  capabilities: { drop: ['ALL'] },
};

describe('the steps of a plan', () => {
  it('are the group, the clone and the boot program', () => {
    const resources = { memory: { max: 4096 }, pids: 8 };
    expect(planSteps(planOf({ ...bare, id: 'web', resources }))).toEqual([
      { phase: 'group', operation: 'mkdir', text: 'make the cgroup /sys/fs/cgroup/niwa/containers/web' },
      { phase: 'group', operation: 'memory.max', text: 'set memory.max to 4096' },
      { phase: 'group', operation: 'memory.oom.group', text: 'set memory.oom.group to 1' },
      { phase: 'group', operation: 'pids.max', text: 'set pids.max to 8' },
      {
        phase: 'devices',
        operation: 'bpf',
        text: 'let only these devices be used: c 1:3, c 1:5, c 1:7, c 1:8, c 1:9, c 5:0, c 5:2, c 136:*',
      },
      { phase: 'clone', operation: 'clone3', text: 'clone3 into the cgroup with new namespaces: none' },
      { phase: 'boot', operation: 'setsid', text: 'new session' },
      { phase: 'boot', operation: 'rlimit', text: 'limit nofile to 1024:524288' },
      { phase: 'boot', operation: 'account', text: 'look up the home and the groups of user 0 in the root' },
      { phase: 'boot', operation: 'capbset', text: 'bound capabilities to none' },
      { phase: 'boot', operation: 'user', text: 'become user 0, group 0' },
      { phase: 'boot', operation: 'capset', text: 'set capabilities 0x0' },
      { phase: 'boot', operation: 'no_new_privs', text: 'no new privileges' },
      { phase: 'boot', operation: 'chdir', text: 'chdir to /' },
      { phase: 'boot', operation: 'umask', text: 'umask 0022' },
      {
        phase: 'boot',
        operation: 'seccomp',
        text: 'filter system calls by the default profile (2 instructions)',
      },
      { phase: 'boot', operation: 'wait', text: 'wait for the start' },
      { phase: 'boot', operation: 'close_fds', text: 'close all descriptors but 0, 1 and 2 at the exec' },
      { phase: 'boot', operation: 'exec', text: 'exec /bin/true' },
    ]);
  });

  it('name the devices and the user namespace before the clone', () => {
    const plan = makePlan(specOf({ devices: ['/dev/fuse'] }), {
      ...capableHost,
      deviceNodes: [{ type: 'c', major: 10, minor: 229 }],
    });
    const steps = planSteps(plan).filter(({ phase }) => phase !== 'boot' && phase !== 'group');
    expect(steps.map(({ phase }) => phase)).toEqual(['devices', 'userns', 'clone']);
    expect(steps[0]?.text).toMatch(/, c 136:\*, c 10:229$/);
    expect(steps[1]?.text).toBe('new user namespace: uids and gids 0-65535 to 1879048192-1879113727');
  });

  it('have no device filter where the kernel has none', () => {
    const plan = makePlan(specOf(), { ...capableHost, filtersDevices: false });
    expect(plan.devices).toBeNull();
    expect(planSteps(plan).map(({ phase }) => phase)).not.toContain('devices');
  });

  it.each([
    [{}, 'clone3 into the cgroup with new namespaces: mount, uts, ipc, pid, network'],
    [
      { pid: '/proc/42/ns/pid' },
      'clone3 into the cgroup with new namespaces: mount, uts, ipc, network, in the PID namespace /proc/42/ns/pid',
    ],
  ])('name the namespaces %j', (namespaces, text) => {
    expect(planSteps(planOf({ namespaces })).map((step) => step.text)).toContain(text);
  });
});

describe('the order of the boot program', () => {
  const full: Partial<SpecInput> = {
    process: { args: ['/bin/true'], cwd: '/srv', user: '33:44', umask: '077' },
    root: { readonly: true },
    mounts: [{ type: 'tmpfs', target: '/tmp' }],
    rlimits: { nofile: 64, nproc: 8 },
    init: true,
    oomScoreAdj: 500,
  };

  it('takes privileges away before it waits: limits, bounding set, user, capabilities, no_new_privs', () => {
    const names = namesOf(full);
    expect(names.slice(names.indexOf('pivot'))).toEqual([
      'pivot',
      'setsid',
      'rlimit',
      'rlimit',
      'join_user',
      'account',
      'capbset',
      'user',
      'capset',
      'no_new_privs',
      'chdir',
      'umask',
      'seccomp',
      'wait',
      'init',
      'close_fds',
      'exec',
    ]);
  });

  it("enters no user namespace and sets no filter where the spec wants the host's and none", () => {
    const plan = planOf({ ...full, userns: 'host', seccomp: 'unconfined' });
    const names = plan.boot.map(({ name }) => name);
    expect(plan.userns).toBeNull();
    for (const name of ['join_user', 'seccomp']) expect(names).not.toContain(name);
  });

  it.each<[Partial<SpecInput>, [number, number]]>([
    [{}, [0, 0]],
    [{ process: { args: ['a'], user: '33:44' } }, [0, 0]],
    [
      {
        process: { args: ['a'], user: '33:44' },
        userns: { uids: [{ container: 33, host: 1, size: 1 }], gids: [{ container: 0, host: 0, size: 99 }] },
      },
      [33, 0],
    ],
  ])('enters the user namespace of %j as its root, or as the user where it has none', (fields, ids) => {
    expect(planOf(fields).boot.find(({ name }) => name === 'join_user')?.numbers).toEqual(ids);
  });

  it.each<[Partial<SpecInput>, boolean, string | undefined]>([
    [{}, false, undefined],
    [{}, true, '0'],
    [{ oomScoreAdj: -500 }, true, '-500'],
    [{ oomScoreAdj: 0 }, false, '0'],
  ])(
    'with %j where the daemon is protected from the OOM killer: %j, sets the score %j',
    (fields, oomProtected, value) => {
      const { boot } = makePlan(specOf(fields), { ...capableHost, oomProtected });
      const text = boot.map((op) => op.text).find((words) => words.includes('oom_score_adj'));
      expect(text).toBe(value === undefined ? undefined : write('/proc/self/oom_score_adj', value).text);
    },
  );

  it('compiles the profile that the spec names, and only that', () => {
    const compiled: unknown[] = [];
    const host = { ...capableHost, compileSeccomp: (profile: unknown) => [BigInt(compiled.push(profile))] };
    const profile = { defaultAction: 'SCMP_ACT_LOG' as const };
    for (const seccomp of ['default', 'unconfined', profile] as const) makePlan(specOf({ seccomp }), host);
    expect(compiled).toEqual([DEFAULT_PROFILE, profile]);
  });

  it("sets what only the host's files can set before it leaves them", () => {
    const names = namesOf(full);
    const order: OpName[] = ['write', 'unshare', 'hostname', 'link_up', 'propagation', 'remount_root', 'pivot'];
    const places = order.map((name) => names.indexOf(name));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(textsOf(full)[0]).toBe('write 500 to /proc/self/oom_score_adj');
  });

  it('has no step for what the spec does not ask for', () => {
    const names = namesOf();
    for (const name of ['init', 'remount_root', 'setns']) expect(names).not.toContain(name);
    expect(textsOf().filter((text) => text.startsWith('limit'))).toEqual(['limit nofile to 1024:524288']);
    expect(textsOf().filter((text) => /^(write|set net)/.test(text))).toEqual([
      'set net.ipv4.ip_unprivileged_port_start to 0',
      'set net.ipv4.ping_group_range to 0 2147483647',
    ]);
    for (const fields of [{ userns: 'host' }, { namespaces: { network: 'host' } }] as const)
      expect(namesOf(fields)).not.toContain('sysctl');
  });

  it('writes the settings of the namespaces behind those that every container has', () => {
    const settings = { 'net.ipv4.ip_unprivileged_port_start': '1024', 'kernel.sem': '1 2 3 4' };
    expect(textsOf({ sysctls: settings }).filter((text) => /^set (net|kernel)/.test(text))).toEqual([
      'set net.ipv4.ip_unprivileged_port_start to 0',
      'set net.ipv4.ping_group_range to 0 2147483647',
      'set net.ipv4.ip_unprivileged_port_start to 1024',
      'set kernel.sem to 1 2 3 4',
    ]);
  });

  it('gives /dev/shm its size', () => {
    expect(textsOf({ shmSize: '1M' }).find((text) => text.includes('/dev/shm'))).toContain('size=1048576');
  });

  it.each([
    ['new', true],
    ['host', false],
    ['/proc/1/ns/net', false],
  ])('sets lo up in the network namespace %s: %s', (network, up) => {
    expect(textsOf({ namespaces: { network } }).includes('set the interface lo up')).toBe(up);
  });

  it.each<[Partial<SpecInput>, string[]]>([
    [{ id: 'web_1' }, ['set the host name web-1']],
    [{ hostname: 'mine' }, ['set the host name mine']],
    [{ namespaces: { uts: 'host' } }, []],
    [{ namespaces: { uts: '/proc/1/ns/uts' } }, []],
  ])('of %j sets the host name by %j', (fields, texts) => {
    expect(textsOf(fields).filter((text) => text.startsWith('set the host name'))).toEqual(texts);
  });

  it("gives the workload its arguments and its environment, and nothing of the daemon's", () => {
    const exec = planOf({ process: { args: ['/bin/sh', '-c', 'true'], env: { PATH: '/bin', A: 'b' } } }).boot.at(-1);
    expect(exec?.numbers).toEqual([3, 5, 6]);
    expect(exec?.strings).toEqual(['/bin/sh', '-c', 'true', 'PATH=/bin', 'A=b', 'HOME=/', 'HOSTNAME=']);
  });
});

describe('the end of a container', () => {
  it.each<[Partial<SpecInput>, string]>([
    [{}, 'no lifetime; a stop is SIGTERM, and cgroup.kill after 10s'],
    [{ stopSignal: 'INT', stopTimeout: 0 }, 'no lifetime; a stop is SIGINT, and cgroup.kill after 0ms'],
    [{ lifetime: '1h' }, 'ends 1h after its start: SIGTERM, and cgroup.kill after 10s'],
    [{ lifetime: 90, jitter: '30s' }, 'ends 1m30s less up to 30s after its start: SIGTERM, and cgroup.kill after 10s'],
  ])('of %j is told in a line', (fields, line) => {
    expect(describeEnd(specOf(fields))).toBe(line);
  });
});

describe('the system call filter', () => {
  const orderOf = (seccomp: NonNullable<SpecInput['seccomp']>) =>
    makePlan(specOf({ seccomp }), capableHost).boot.flatMap(({ name }) =>
      /^(seccomp|wait)$/.test(name) ? [name] : [],
    );
  const allowing = (...names: string[]) => ({
    defaultAction: 'SCMP_ACT_ERRNO' as const,
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' as const }],
  });

  it('is set before the wait where the profile allows what the wait does, and else after it', () => {
    expect(orderOf('default')).toEqual(['seccomp', 'wait']);
    expect(orderOf(allowing('read', 'sendto', 'execve'))).toEqual(['seccomp', 'wait']);
    expect(orderOf(allowing('read', 'execve'))).toEqual(['wait', 'seccomp']);
    expect(orderOf(allowing('sendto', 'execve'))).toEqual(['wait', 'seccomp']);
    expect(orderOf('unconfined')).toEqual(['wait']);
  });
});

describe('the plan of any valid spec', () => {
  const plans = specInputs.map((input) => makePlan(parseSpec(input, 'free-id'), capableHost));

  it('waits once and then becomes the workload', () => {
    fc.assert(
      fc.property(plans, ({ boot }) => {
        const names = boot.map(({ name }) => name);
        const tail = names.slice(names.indexOf('wait'));
        expect(tail.join(' ')).toMatch(/^wait( seccomp)?( init)? close_fds exec$/);
        expect(names.filter((name) => name === 'seccomp').length).toBeLessThan(2);
      }),
    );
  });

  it('leaves the host after the last mount, and has no privileges to lose after that', () => {
    fc.assert(
      fc.property(plans, ({ boot }) => {
        const names = boot.map(({ name }) => name);
        const pivot = names.indexOf('pivot');
        const building: OpName[] = [
          'propagation',
          'mount',
          'bind',
          'root',
          'mkdir',
          'mknod',
          'readonly',
          'mask',
          'remount_root',
        ];
        expect(names.findLastIndex((name) => building.includes(name))).toBeLessThanOrEqual(pivot);
        expect(names.filter((name) => name === 'pivot').length).toBe(names.includes('propagation') ? 1 : 0);
        const rights: OpName[] = ['rlimit', 'join_user', 'capbset', 'user', 'capset', 'no_new_privs'];
        for (const last of ['wait', 'seccomp'] as const) {
          const order = [...rights, last, 'close_fds'] as const;
          const places = order.map((name) => names.lastIndexOf(name)).filter((place) => place >= 0);
          expect(places).toEqual([...places].sort((a, b) => a - b));
          expect(Math.min(...places)).toBeGreaterThan(pivot);
        }
      }),
    );
  });

  it("enters the user namespace, where there is one, after all that needs the host's", () => {
    fc.assert(
      fc.property(plans, ({ boot, userns }) => {
        const names = boot.map(({ name }) => name);
        const join = names.indexOf('join_user');
        expect(join >= 0).toBe(userns !== null);
        if (join < 0) return;
        const before: OpName[] = ['write', 'setns', 'unshare', 'hostname', 'link_up', 'pivot', 'rlimit'];
        const after: OpName[] = ['capbset', 'user', 'capset', 'no_new_privs', 'chdir'];
        expect(names.findLastIndex((name) => before.includes(name))).toBeLessThan(join);
        expect(names.findIndex((name) => after.includes(name))).toBeGreaterThan(join);
      }),
    );
  });

  it('encodes to a program that reads back as the same operations', () => {
    fc.assert(
      fc.property(plans, ({ boot }) => {
        const expected = boot.map(({ name, numbers, strings }) => ({
          code: OP_CODES[name],
          numbers: numbers.map(BigInt),
          strings: strings.map((text) => Buffer.from(text).toString()),
        }));
        expect(decode(encodeProgram(boot))).toEqual(expected);
      }),
    );
  });

  it('is the same each time', () => {
    fc.assert(
      fc.property(specInputs, (input) => {
        const [first, second] = [input, structuredClone(input)].map((one) =>
          makePlan(parseSpec(one, 'x'), capableHost),
        );
        expect(first).toEqual(second);
      }),
    );
  });
});

/** Reads a program as native/boot/program.c does. */
function decode(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = endianness() === 'LE';
  let at = 0;
  const take = (size: number) => {
    at += size;
    return at - size;
  };
  const u32 = () => view.getUint32(take(4), little);
  const string = () => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at + 4, view.getUint32(at, little));
    at += 4 + text.length;
    expect(view.getUint8(take(1))).toBe(0);
    expect(text.includes(0)).toBe(false);
    return text.toString();
  };
  const times = <T>(count: number, read: () => T) => Array.from({ length: count }, read);

  expect(u32()).toBe(0x6177696e);
  const count = u32();
  expect(u32()).toBe(bytes.length - 12);
  const operations = times(count, () => {
    const code = view.getUint16(take(2), little);
    const numberCount = view.getUint16(take(2), little);
    const stringCount = u32();
    const numbers = times(numberCount, () => view.getBigUint64(take(8), little));
    return { code, numbers, strings: times(stringCount, string) };
  });
  expect(at).toBe(bytes.length);
  return operations;
}
