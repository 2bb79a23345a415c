import { describe, expect, it } from 'vitest';
import { execError, startError } from '../../../src/engine/failure.js';
import { type FailedAt, KernelError } from '../../../src/kernel/errors.js';
import { closeFds, exec, undumpable } from '../../../src/plan/ops.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, specOf } from '../support.js';

const spec = specOf({
  id: 'web',
  resources: { pids: 8 },
  process: { args: ['/no/such'], cwd: '/srv' },
  mounts: [{ type: 'bind', source: '/data', target: '/data' }],
});
const plan = makePlan(spec, capableHost);
const before = 5; // the group, its limit, the devices, the user namespace, the clone
const total = before + plan.boot.length;
const bootStep = (text: string) => plan.boot.findIndex((op) => op.text === text);

type Failure = Partial<FailedAt & { errno: string }>;
const toError = ({ errno = 'EIO', ...at }: Failure) =>
  new KernelError('start', errno, { phase: 'boot', step: 0, signal: 0, text: '', ...at });
const fail = (failure: Failure) => startError('web', plan, toError(failure));

describe('a failed start', () => {
  it('names the step in words, the errno and its place in the plan', () => {
    const step = bootStep('mount proc on /proc (nosuid, nodev, noexec)');
    const error = fail({ step, errno: 'EPERM' });
    expect(error.code).toBe('START_FAILED');
    expect(error.message).toBe(
      `container web did not start: mount proc on /proc (nosuid, nodev, noexec): EPERM (step ${step + before + 1} of ${total})`,
    );
    expect(error.details.step).toEqual({
      number: step + before + 1,
      total,
      operation: 'mount',
      text: 'mount proc on /proc (nosuid, nodev, noexec)',
      errno: 'EPERM',
    });
  });

  it('is the fault of the host where the run directory has no room for its files', () => {
    const error = fail({ phase: 'files', errno: 'ENOSPC' });
    expect(error).toMatchObject({ code: 'HOST_ERROR', message: expect.stringMatching(/ENOSPC: .*hosts.*; .*inodes/) });
  });

  it('says so where the plan is not known any more', () => {
    expect(startError('web', null, toError({ step: 3, errno: 'ENOENT' })).message).toBe(
      'container web did not start: ENOENT. At which step is not known.',
    );
  });

  it.each<[string, Failure, string]>([
    [
      'the group',
      { phase: 'group', step: 0, errno: 'EEXIST' },
      `make the cgroup /sys/fs/cgroup/niwa/containers/web: EEXIST (step 1 of ${total}); another container with this id is still being removed, or the id is the name of a file that cgroups have`,
    ],
    ['a limit', { phase: 'group', step: 1, errno: 'EINVAL' }, `set pids.max to 8: EINVAL (step 2 of ${total})`],
    [
      'the devices',
      { phase: 'devices', errno: 'EPERM' },
      `let only these devices be used: c 1:3, c 1:5, c 1:7, c 1:8, c 1:9, c 5:0, c 5:2, c 136:*: EPERM (step 3 of ${total})`,
    ],
    [
      'the user namespace',
      { phase: 'userns', errno: 'EINVAL' },
      `new user namespace: uids and gids 0-65535 to 1879048192-1879113727: EINVAL (step 4 of ${total})`,
    ],
    [
      'a bind that cannot be id-mapped',
      { step: bootStep('bind /data on /data (nosuid, nodev, id-mapped)'), errno: 'EINVAL' },
      `bind /data on /data (nosuid, nodev, id-mapped): EINVAL (step ${bootStep('bind /data on /data (nosuid, nodev, id-mapped)') + before + 1} of ${total}); its file system, or one that is mounted below it, cannot be id-mapped by this kernel (9p, NFS, overlay, and tmpfs before Linux 6.3 cannot): leave idmap out for a mount, name a directory without such a mount, or take userns "host"`,
    ],
    [
      'the clone',
      { phase: 'clone', errno: 'EPERM' },
      `clone3 into the cgroup with new namespaces: mount, uts, ipc, pid, network: EPERM (step 5 of ${total})`,
    ],
    [
      'the working directory',
      { step: bootStep('chdir to /srv'), errno: 'ENOENT' },
      `chdir to /srv: ENOENT (step ${bootStep('chdir to /srv') + before + 1} of ${total}); make process.cwd in the root, or name another`,
    ],
    [
      'the program',
      { step: plan.boot.length - 1, errno: 'ENOENT' },
      `exec /no/such: ENOENT (step ${total} of ${total}); there is no such program in the container, or its interpreter is missing`,
    ],
    [
      'an errno without a name',
      { step: plan.boot.length - 1, errno: 'errno 9999' },
      `exec /no/such: errno 9999 (step ${total} of ${total})`,
    ],
  ])('at %s says where', (_, failure, words) => {
    expect(fail(failure).message).toBe(`container web did not start: ${words}`);
  });

  it('by SIGILL says that the filter refuses what the start needs', () => {
    expect(fail({ step: 3, signal: 4 }).message).toContain('the filter of system calls refuses what the start needs');
  });

  it.each<[Failure, string]>([
    [{ step: 3, signal: 9 }, 'was ended by SIGKILL'],
    [{ step: 10_000 }, 'ended'],
  ])('of the helper itself, %j, says that it %s on the way', (failure, how) => {
    const error = fail(failure);
    expect(error.message).toContain(`container web did not start: its boot helper ${how} on the way.`);
    expect(error.details.step).toBeUndefined();
  });
});

describe('a failed exec', () => {
  const ops = [undumpable(), closeFds(), exec(['nope'], {})];
  const messageOf = (failure: Failure) => execError('web', ops, toError({ errno: 'ENOENT', ...failure })).message;

  it('names the step, counted from the clone', () => {
    expect(messageOf({ step: 2 })).toBe(
      'the exec in container web failed: exec nope: ENOENT (step 4 of 4); there is no such program in the container, or its interpreter is missing',
    );
    expect(messageOf({ phase: 'clone', errno: 'ESRCH' })).toBe(
      'the exec in container web failed: clone3 into the cgroup and the PID namespace: ESRCH (step 1 of 4); the container that it was to enter, or whose network it was to share, has ended',
    );
  });

  it('says so where the helper did not get on', () => {
    expect(messageOf({ step: 0xffff_ffff, errno: 'ETIMEDOUT' })).toBe(
      'the exec in container web failed: the container did not let its boot helper go on in time',
    );
  });
});
