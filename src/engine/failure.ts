import { cureOfShortage } from '../host/errors.js';
import { type FailedAt, type KernelError, reasonOf } from '../kernel/errors.js';
import type { Op } from '../plan/op.js';
import { type Plan, planSteps } from '../plan/plan.js';
import { NiwaError } from '../protocol/errors.js';
import type { Step } from '../protocol/plan.js';
import { signalName } from '../spec/signals.js';

const OF_OTHERS =
  "what is missing in the root cannot be made in it: on disk it belongs to others than what this caller's containers write (allow.idRanges, or without a range the caller's own user and primary group), or in a container of an engine not to its root (linux.uidMappings)";
const TO_THE_ROOT =
  'a link in the root leads from this target to the root itself: name another target, or repair the link';

/** What a user can do about an errno, by the kind of step that failed. */
const CURES: Record<string, string> = {
  'exec ENOENT': 'there is no such program in the container, or its interpreter is missing',
  'exec EACCES': 'the file is not executable for this user',
  'exec ENOEXEC': 'the file is no program of this machine',
  'chdir ENOENT': 'make process.cwd in the root, or name another',
  'mkdir ENOTDIR': 'process.cwd leads through a file of the image: name another directory',
  'mkdir ENOENT': 'process.cwd leads through a link to nowhere: name another directory',
  'bind EINVAL':
    'its file system, or one that is mounted below it, cannot be id-mapped by this kernel (9p, NFS, overlay, and tmpfs before Linux 6.3 cannot): leave idmap out for a mount, name a directory without such a mount, or take userns "host"',
  'image EBADMSG': 'root.file has to be a squashfs or erofs file',
  'image ENOENT': 'there is no such file, or no /dev/loop-control: load the module loop',
  'image ENODEV': 'this kernel has no such file system: load the module squashfs or erofs',
  'image EINVAL': 'the file is damaged, or compressed in a way that this kernel does not know',
  'image EBUSY': 'there is no free loop device',
  'upper ENOENT': 'root.overlay.directory has to be there',
  'upper ENOTDIR': 'root.overlay.directory has to be a directory, and so have upper and work in it',
  'upper EPERM':
    "upper and work in root.overlay.directory belong to others on disk than what this caller's containers write (see allow.idRanges): give them to those, or name another directory",
  'upper EINVAL':
    'the file system of root.overlay.directory cannot be id-mapped by this kernel: take userns "host", or a directory on ext4 or XFS',
  'overlay EINVAL':
    'the file system of root.overlay.directory cannot keep the writes of an overlay (NFS, and another overlay, cannot), or that of the root cannot be below one',
  'mount EACCES': OF_OTHERS,
  'bind EACCES': OF_OTHERS,
  'bind EBUSY': TO_THE_ROOT,
  'mount EBUSY': TO_THE_ROOT,
  'remount_root EINVAL': 'nothing is mounted at this path',
  'bind ENOENT': 'the source or the target does not exist',
  'clone3 ENOMEM': 'the container has just ended, or its memory limit leaves no room',
  'be_born ENOMEM': 'the PID namespace that it was to join has ended, or the memory limit leaves no room',
  'clone3 EAGAIN':
    'the container has as many processes as its pids limit lets it, or niwad as many as TasksMax of its unit (pids.max of its group) and ulimit -u do: raise that',
  'terminal ENOENT': 'a terminal needs a /dev/pts in the container: leave tty out',
  'terminal ENODEV': 'what is on /dev/pts is not the devpts that niwa mounts there: leave tty out',
  'mkdir EEXIST':
    'another container with this id is still being removed, or the id is the name of a file that cgroups have',
  'veth ENODEV':
    'somebody has removed the bridge of niwad: end the bridged containers, which have lost it, and restart niwad',
  'elements ENOENT':
    'somebody has removed the rules of niwad (nft flush ruleset, say): restart niwad, which renews them',
  'elements EEXIST': 'somebody else has changed the rules of niwad: restart it, which renews them',
  'clone3 ESRCH': 'the container that it was to enter, or whose network it was to share, has ended',
  'rlimit EPERM': 'the daemon lacks CAP_SYS_RESOURCE: ask for no more than its own hard limit',
};

/** The boot helper ends itself by SIGILL where it can do nothing else. */
const FILTERED =
  'the filter of system calls refuses what the start needs, also the report of what failed: it has to allow sendto and exit_group, and without noNewPrivileges capset, setresuid, chdir, umask and openat, too';

/** The place of a failure that names no step: the boot program has ended. */
const NOWHERE: FailedAt = { phase: 'boot', step: Number.POSITIVE_INFINITY, signal: 0, text: '' };

/**
 * Makes the error of a failed exec: names the step in the user's words, the errno, and the number of the step in the
 * program.
 */
export function execError(id: string, ops: readonly Op[], failure: KernelError): NiwaError {
  const clone: Step = { phase: 'clone', operation: 'clone3', text: 'clone3 into the cgroup and the PID namespace' };
  const steps = [clone, ...ops.map(({ name, text }): Step => ({ phase: 'boot', operation: name, text }))];
  const what = `the exec in container ${id} failed`;
  const { phase: failed, step: number } = failure.at ?? NOWHERE;
  const index = steps.findIndex(({ phase }) => phase === failed) + number;
  const step = steps[index];
  if (step === undefined)
    return new NiwaError('START_FAILED', `${what}: the container did not let its boot helper go on in time`, {
      cause: failure,
    });
  return stepError(what, steps, index, failure);
}

/**
 * Makes the error of a failed start: names the step in the user's words, the errno, and the number of the step in the
 * plan.
 * @param plan the plan of the start; null if it is unknown, because an earlier niwad made the container and its state
 *   file was damaged
 */
export function startError(id: string, plan: Plan | null, failure: KernelError): NiwaError {
  const at = failure.at ?? NOWHERE;
  if (at.signal !== 0) return helperDied(id, at, failure);
  if (at.phase === 'files') return filesError(id, failure);
  if (plan === null) return unknownStep(id, failure);
  const steps = planSteps(plan);
  const index = indexOf(steps, at);
  if (index < 0) return helperDied(id, at, failure);
  return stepError(`container ${id} did not start`, steps, index, failure);
}

/** They are in niwad's own directory: what is missing there is not the fault of the spec. */
function filesError(id: string, failure: KernelError): NiwaError {
  const cure = cureOfShortage(failure.errno);
  const words = `${failure.errno}: its streams or its files (hosts, hostname) cannot be made in the run directory`;
  return new NiwaError(
    'HOST_ERROR',
    `container ${id} did not start: ${words}${cure === undefined ? '' : `; ${cure}`}`,
    {
      cause: failure,
    },
  );
}

function stepError(what: string, steps: readonly Step[], index: number, failure: KernelError): NiwaError {
  const number = index + 1;
  const { errno, at } = failure;
  const { operation, text } = steps[index] as Step;
  const cure = CURES[`${operation} ${errno}`] ?? cureOfShortage(errno);
  const words = `${text}: ${reasonOf(errno, at)} (step ${number} of ${steps.length})${cure === undefined ? '' : `; ${cure}`}`;
  return new NiwaError('START_FAILED', `${what}: ${words}`, {
    details: { step: { number, total: steps.length, operation, text, errno } },
    cause: failure,
  });
}

function indexOf(steps: readonly Step[], at: FailedAt): number {
  const ofPhase = steps.filter(({ phase }) => phase === at.phase)[at.step];
  return ofPhase === undefined ? -1 : steps.indexOf(ofPhase);
}

function unknownStep(id: string, cause: KernelError): NiwaError {
  const reason = reasonOf(cause.errno, cause.at);
  return new NiwaError('START_FAILED', `container ${id} did not start: ${reason}. At which step is not known.`, {
    cause,
  });
}

function helperDied(id: string, { signal }: FailedAt, cause: KernelError): NiwaError {
  if (signal === 0 && cause.errno === 'ETIMEDOUT')
    return new NiwaError(
      'START_FAILED',
      `container ${id} did not start: its boot helper hangs on a path whose file system does not answer. Bring that back, unmount it (umount -f), or name another path; until then the helper stays, killed, and so does its group.`,
      { cause },
    );
  if (signalName(signal) === 'SIGILL')
    return new NiwaError('START_FAILED', `container ${id} did not start: ${FILTERED}`, { cause });
  const how = signal === 0 ? 'ended' : `was ended by ${signalName(signal)}`;
  return new NiwaError(
    'START_FAILED',
    `container ${id} did not start: its boot helper ${how} on the way. A limit that is too small does this: of memory, of pids, or of open files (RLIMIT_NOFILE).`,
    { cause },
  );
}
