import { NiwaError } from '../errors.js';
import { errnoName, type Failure } from '../native.js';
import { type Plan, planSteps, type Step } from '../plan/plan.js';
import { signalName } from '../spec/signals.js';

/** What a user can do about an errno at a kind of step. */
const CURES: Record<string, string> = {
  'exec ENOENT': 'there is no such program in the container, or its interpreter is missing',
  'exec EACCES': 'the file is not executable for this user',
  'exec ENOEXEC': 'the file is no program of this machine',
  'chdir ENOENT': 'make process.cwd in the root, or name another',
  'bind EINVAL':
    'its file system cannot be id-mapped by this kernel (9p, NFS, overlay, and tmpfs before Linux 6.3 cannot): leave idmap out for a mount, or take userns "host"',
  'bind ENOENT': 'the source or the target does not exist',
  'mkdir EEXIST':
    'another container with this id is still being removed, or the id is the name of a file that cgroups have',
  'elements ENOENT':
    'somebody has removed the rules of niwad (nft flush ruleset, say): restart niwad, which renews them',
  'elements EEXIST': 'somebody else has changed the rules of niwad: restart it, which renews them',
  'clone3 ESRCH': 'the container whose network it was to share has ended',
  'rlimit EPERM': 'the daemon lacks CAP_SYS_RESOURCE: ask for no more than its own hard limit',
};

/** Makes the error of a failed start: the step in the user's words, the errno, and its place in the plan. */
export function startError(plan: Plan, failure: Failure): NiwaError {
  const steps = planSteps(plan);
  const index = indexOf(steps, failure);
  const step = steps[index];
  if (failure.signal !== 0 || step === undefined) return helperDied(plan, failure);
  const number = index + 1;
  const errno = errnoName(failure.errno);
  const cure = CURES[`${step.operation} ${errno}`];
  const reason = failure.text === undefined || failure.text === '' ? errno : `${errno}, ${failure.text}`;
  const words = `${step.text}: ${reason} (step ${number} of ${steps.length})${cure === undefined ? '' : `; ${cure}`}`;
  return new NiwaError('START_FAILED', `container ${plan.id} did not start: ${words}`, {
    details: { step: { number, total: steps.length, operation: step.operation, text: step.text, errno } },
  });
}

function indexOf(steps: Step[], failure: Failure): number {
  const ofPhase = steps.filter(({ phase }) => phase === failure.phase)[failure.step];
  return ofPhase === undefined ? -1 : steps.indexOf(ofPhase);
}

function helperDied(plan: Plan, { signal }: Failure): NiwaError {
  const how = signal === 0 ? 'ended' : `was ended by ${signalName(signal)}`;
  return new NiwaError(
    'START_FAILED',
    `container ${plan.id} did not start: its boot helper ${how} on the way. A memory or pids limit that is too small does this.`,
  );
}
