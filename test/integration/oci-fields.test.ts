// @module-tag vm
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { apparmor } from '../programs.mjs';
import { host, needsFile, PATIENCE } from './support/host.js';
import { type BundleConfig, NIWA_OCI, Oci } from './support/oci.js';
import { seccompAgent } from './support/seccomp-agent.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

test('a field that the OCI does not have is named in the log, and does no harm', async ({ oci, niwad }) => {
  const bundle = await oci.bundle('echo runs', (config) => {
    config.process.nice = 5;
    config.linux.future = { x: 1 };
  });
  const log = join(niwad.place.files, 'log');
  expect(await oci.done('--log', log, '--log-format', 'json', 'run', '--bundle', bundle, oci.id())).toBe('runs');
  expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({
    level: 'warning',
    msg: expect.stringContaining('process.nice, linux.future'),
  });
});

test('a memory policy is that of the process, and of an exec', async ({ oci, skip }) => {
  needsFile(skip, '/proc/self/numa_maps', 'the kernel knows no nodes of memory');
  const withPolicy = ({ linux }: BundleConfig) => {
    linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] };
  };
  const policy = "cut -d ' ' -f 2 /proc/self/numa_maps | sort -u";
  const bundle = await oci.bundle(policy, withPolicy);
  expect(await oci.done('run', '--bundle', bundle, oci.id())).toBe('bind=static:0');
  const id = oci.id();
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 60', withPolicy), id);
  expect(await oci.done('exec', id, 'sh', '-c', policy)).toBe('bind=static:0');
  await oci.done('delete', '--force', id);
});

test('limits of huge pages are those of the group, and are refused where it has none', async ({ oci, niwad, skip }) => {
  const config = (cgroupsPath: string) =>
    oci.bundle('exec sleep 60', ({ linux }) => {
      linux.cgroupsPath = cgroupsPath;
      linux.resources = { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] };
    });
  const given = readFileSync(join(lookAtCgroupTree('niwa-test').mount, 'cgroup.subtree_control'), 'utf8');
  skip(!host.inVm && given.includes('hugetlb'), 'somebody has given hugetlb to all groups of this host');
  const own = await oci.make('create', '--bundle', await config('x/y'), oci.id());
  expect(own.message).toContain('hugetlb.2MB.max needs the hugetlb controller of cgroup v2');
  skip(!host.inVm, 'the hugetlb controller is not in the tree of cgroup v2');
  const id = oci.id();
  const group = `${niwad.place.cgroup}-huge`;
  const bundle = await config(`/${group}/a`);
  await oci.make('create', '--bundle', bundle, id);
  expect(readFileSync(`/sys/fs/cgroup/${group}/a/hugetlb.2MB.max`, 'utf8')).toBe('0\n');
  const change = join(niwad.place.files, 'resources');
  writeFileSync(change, '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}');
  await oci.done('update', '--resources', change, id);
  expect(readFileSync(`/sys/fs/cgroup/${group}/a/hugetlb.2MB.max`, 'utf8')).toBe('4194304\n');
  await oci.done('delete', '--force', id);
  expect(existsSync(`/sys/fs/cgroup/${group}`)).toBe(false);
});

test('what the host cannot give of all capabilities is left out with a warning', async ({ oci, niwad }) => {
  const all = ['CAP_CHOWN', 'CAP_SYS_RESOURCE', 'CAP_SYS_BOOT', 'CAP_CHECKPOINT_RESTORE'];
  const bundle = await oci.bundle('grep CapEff /proc/self/status', ({ process }) => {
    process.capabilities = { bounding: all, effective: all, permitted: all };
  });
  const log = join(niwad.place.files, 'capabilities');
  const [, seen = ''] = (await oci.done('--log', log, 'run', '--bundle', bundle, oci.id())).split('\t');
  const [, own = ''] = /^CapBnd:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const wanted = (1n << 0n) | (1n << 24n) | (1n << 22n) | (1n << 40n);
  expect(BigInt(`0x${seen}`)).toBe(wanted & BigInt(`0x${own}`));
});

test('the mounts of a config may have the words of whole file systems, and a relative destination', async ({ oci }) => {
  const bundle = await oci.bundle('grep -E " /(a|b) " /proc/self/mountinfo | cut -d " " -f 5,6', (config) => {
    const words = ['sync', 'dirsync', 'lazytime', 'mand', 'iversion'];
    config.mounts.push({ destination: 'a', type: 'tmpfs', source: 'tmpfs', options: words });
    config.mounts.push({ destination: '/b', type: 'bind', source: '/usr', options: ['rbind', 'ro', 'acl', ...words] });
  });
  expect((await oci.done('run', '--bundle', bundle, oci.id())).split('\n').map((line) => line.split(' ')[0])).toEqual([
    '/a',
    '/b',
  ]);
});

test('the kernel takes the flags of a scheduler that name bounds of the use', async ({ oci }) => {
  const bundle = await oci.bundle('echo runs', ({ process }) => {
    process.scheduler = {
      policy: 'SCHED_OTHER',
      flags: ['SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX'],
    };
  });
  const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
  expect(stdout || stderr).toMatch(/^runs$|ENOTSUP/); // a kernel without CONFIG_UCLAMP_TASK
});

describe('network devices', () => {
  /** Runs a container below a command in a network namespace of its own, which has a pair of devices. */
  async function seenWith(oci: Oci, runDir: string, script: string, netDevices: object) {
    const bundle = await oci.bundle(script, (config) => {
      config.linux.netDevices = netDevices;
    });
    const lines = [
      'ip link add eth7 mtu 1789 type veth peer name peer7 mtu 1789',
      'ip address add 10.9.8.7/24 dev eth7 && ip address add fd00::7/64 dev eth7 nodad',
      'ip address add 10.9.9.9/32 scope host dev eth7 && ip link set peer7 up',
      'exec "$0" run --bundle "$1" "$2"',
    ];
    const words = ['--net', 'sh', '-ec', lines.join('\n'), NIWA_OCI, bundle, oci.id()];
    const env = { NIWA_OCI_SOCKET: join(runDir, 'oci.sock') };
    const { stdout, stderr } = await execa('unshare', words, { env, reject: false, stdin: 'ignore' });
    return (stdout || stderr).split('\n').map((line) => line.split(/ +/).filter(Boolean));
  }
  const show = (name: string) => `cat /sys/class/net/${name}/mtu; ip -o address show scope global dev ${name}`;
  const addresses = (name: string) => [
    [name, 'inet', '10.9.8.7/24'],
    [name, 'inet6', 'fd00::7/64'],
  ];
  const told = (lines: string[][]) => lines.map((line) => line.slice(1, 4));

  test('move into the namespace of the container, with their global addresses, up', async ({ oci, niwad }) => {
    const { runDir } = niwad.place;
    const same = await seenWith(oci, runDir, `${show('eth7')}; ip -o link show up dev eth7 | wc -l`, { eth7: {} });
    expect(same[0]).toEqual(['1789']);
    expect(told(same.slice(1, -1))).toEqual(addresses('eth7'));
    expect(same.at(-1)).toEqual(['1']);
    const renamed = await seenWith(oci, runDir, show('net0'), { eth7: { name: 'net%d' } });
    expect(told(renamed.slice(1))).toEqual(addresses('net0'));
  });

  test('that cannot move are refused by their names, and nothing is left', async ({ oci, niwad }) => {
    const { runDir } = niwad.place;
    const words = async (devices: object) => (await seenWith(oci, runDir, 'true', devices))[0]?.join(' ');
    expect(await words({ eth8: {} })).toBe(
      'niwa-oci: linux.netDevices: cannot move the network device eth8: no such device',
    );
    expect(await words({ eth7: { name: 'lo' } })).toContain('cannot move the network device eth7: file exists');
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });
});

describe('AppArmor', () => {
  const withProfile = (name: string) => (config: BundleConfig) => {
    config.process.apparmorProfile = name;
  };

  test('refuses a profile where it is not in force, and lets "unconfined" be', async ({ oci, skip }) => {
    skip(host.inVm, 'it is in force in the machine');
    const { message } = await oci.make('create', '--bundle', await oci.bundle('true', withProfile('x')), oci.id());
    expect(message).toBe('process.apparmorProfile: AppArmor is disabled or not supported on this host');
    await oci.done('run', '--bundle', await oci.bundle('true', withProfile('unconfined')), oci.id());
  });

  test('is set by no /proc that a joined mount namespace has made', async ({ oci, niwad, skip }) => {
    skip(!host.inVm, 'the kernel has no AppArmor');
    const script = `mount -t tmpfs none /proc; mkdir -p /proc/self/attr/apparmor
      echo >/proc/self/attr/apparmor/exec; echo; exec sleep 100`;
    const holder = execa('unshare', ['--mount', 'sh', '-ec', script], { reject: false });
    try {
      await once(holder.stdout, 'data');
      const bundle = await oci.bundle('true', (config) => {
        withProfile('unconfined')(config);
        Object.assign(config, { mounts: [], hostname: '', root: { path: 'rootfs' } });
        Object.assign(config.linux, { maskedPaths: [], readonlyPaths: [] });
        const path = `/proc/${holder.pid}/ns/mnt`;
        config.linux.namespaces = [{ type: 'pid' }, { type: 'mount', path }];
      });
      const { exitCode, message } = await oci.make('create', '--bundle', bundle, oci.id());
      expect({ exitCode, message }).toEqual({ exitCode: 1, message: expect.stringContaining('EXDEV') });
    } finally {
      holder.kill('SIGKILL');
      await holder;
    }
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });

  test('confines the program and an exec by a profile that is loaded', async ({ oci, skip, onTestFinished }) => {
    skip(!host.inVm, 'the kernel has no AppArmor');
    const parser = join(await apparmor(), 'apparmor_parser');
    const load = (how: string) =>
      execa(parser, [how, '--skip-cache'], {
        input: 'profile niwa-test flags=(attach_disconnected) { capability, file, signal, deny /tmp/** w, }',
      });
    await execa('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security'], { reject: false });
    await load('--replace');
    onTestFinished(async () => void (await load('--remove')));
    const id = oci.id();
    const bundle = await oci.bundle('exec sleep 1000', (config) => {
      withProfile('niwa-test')(config);
      config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' });
    });
    expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual({ exitCode: 0, message: '' });
    const script = 'cat /proc/1/attr/current /proc/self/attr/current; touch /dev/shm/a /tmp/a 2>&1; true';
    expect((await oci.done('exec', id, 'sh', '-c', script)).split('\n')).toEqual([
      'niwa-test (enforce)',
      'niwa-test (enforce)',
      expect.stringMatching(/\/tmp\/a.*Permission denied/),
    ]);
    await oci.done('delete', '--force', id);
  });

  test('refuses a profile that is not loaded', async ({ oci, skip }) => {
    skip(!host.inVm, 'the kernel has no AppArmor');
    const missing = await oci.make('create', '--bundle', await oci.bundle('true', withProfile('niwa-none')), oci.id());
    expect(missing.message).toContain('set the AppArmor profile niwa-none, which has to be loaded: ENOENT');
  });
});

describe('a filter that refuses what the start needs', () => {
  const allowing = (names: string[], noNewPrivileges: boolean, defaultAction: string) => (config: BundleConfig) => {
    config.process.noNewPrivileges = noNewPrivileges;
    config.linux.seccomp = { defaultAction, syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] };
  };

  test('is refused where no program can begin', async ({ oci }) => {
    const bundle = await oci.bundle('true', allowing(['read'], true, 'SCMP_ACT_ERRNO'));
    const { exitCode, message } = await oci.make('create', '--bundle', bundle, oci.id());
    expect(exitCode).toBe(1);
    expect(message).toBe('linux.seccomp: the filter refuses what the start needs: execve has to be allowed');
  });

  test('ends the start where it refuses the report, too', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('true', allowing(['execve'], false, 'SCMP_ACT_ERRNO'));
    const { exitCode, message } = await oci.make('create', '--bundle', bundle, oci.id());
    expect(exitCode).toBe(1);
    expect(message).toContain('the filter of system calls refuses what the start needs');
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });

  test('ends the container where only a tracer could let its program begin', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('true', allowing(['read'], true, 'SCMP_ACT_TRACE'));
    expect((await oci.run('run', '--bundle', bundle, oci.id())).exitCode).toBe(128 + constants.signals.SIGILL);
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });
});

describe('a filter that asks an agent', () => {
  const asksFor =
    (path: string, noNewPrivileges: boolean, ...names: string[]) =>
    (config: BundleConfig) => {
      config.process.noNewPrivileges = noNewPrivileges;
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        flags: ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
        listenerPath: path,
        listenerMetadata: 'some data',
        syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
      };
    };
  const fails = 'mkdir /tmp/a';

  test.for([true, false])('gives it the listener, with noNewPrivileges %s', async (noNewPrivileges, { oci, niwad }) => {
    await using agent = await seccompAgent(niwad.place);
    const bundle = await oci.bundle(`${fails}; exec sleep 60`, asksFor(agent.path, noNewPrivileges, 'mkdir'));
    const id = oci.id();
    await oci.make('create', '--bundle', bundle, id);
    const { pid } = await oci.state(id);
    const state = { id, bundle, ociVersion: expect.any(String) };
    expect(await agent.line()).toEqual({
      ociVersion: expect.any(String),
      fds: ['seccompFd'],
      pid,
      metadata: 'some data',
      state: { ...state, pid, status: 'creating', annotations: {} },
    });
    await oci.done('start', id);
    expect(await agent.line()).toBe('asked');
    const pidFile = join(bundle, 'pid');
    const { stderr } = await oci.run('exec', '--pid-file', pidFile, id, 'sh', '-c', fails);
    expect(stderr).toContain('No medium found');
    const ofExec = await agent.line();
    expect(ofExec).toMatchObject({ pid: Number(readFileSync(pidFile, 'utf8')), state: { pid, status: 'running' } });
    expect(await agent.line()).toBe('asked');
    await oci.done('delete', '--force', id);
  });

  test('may be asked for the calls of niwa itself', async ({ oci, niwad }) => {
    const own = ['execve', 'openat', 'read', 'close', 'fcntl', 'sendto', 'close_range', 'chdir', 'umask'];
    for (const noNewPrivileges of [true, false]) {
      await using agent = await seccompAgent(niwad.place);
      const bundle = await oci.bundle('echo runs', asksFor(agent.path, noNewPrivileges, ...own));
      expect(await oci.done('run', '--bundle', bundle, oci.id())).toBe('runs');
    }
  });

  test('is not set where no agent listens, and leaves nothing', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('true', asksFor('/nowhere', false, 'mkdir'));
    const id = oci.id();
    const { exitCode, message } = await oci.make('create', '--bundle', bundle, id);
    expect({ exitCode, message }).toEqual({
      exitCode: 1,
      message: 'failed to connect with seccomp agent /nowhere: no such file or directory',
    });
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });
});
