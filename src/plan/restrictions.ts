import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import { capabilityMask } from '../spec/capabilities.js';
import type { Op } from './op.js';
import { account, capbset, capset, joinUser, noNewPrivs, rlimit, seccomp, setsid, user, write } from './ops.js';
import { allowsAlways, DEFAULT_PROFILE } from './seccomp.js';
import { idInside } from './userns.js';

/**
 * Makes the operations that restrict the first process of a container. An exec in the container is restricted by the
 * same ones.
 */

/** The parts of a spec from which the rights of a process follow. */
export interface Rights {
  process: Spec['process'];
  rlimits: Rlimit[];
  capabilities: string[];
}

/**
 * Sets the OOM score of a container.
 * @param oomProtected whether niwad's own score is below 0. Then the score is always set, since the container must not
 * inherit niwad's
 */
export function oomOps({ oomScoreAdj }: Spec, oomProtected: boolean): Op[] {
  const score = oomScoreAdj ?? (oomProtected ? 0 : null);
  return score === null ? [] : [write('/proc/self/oom_score_adj', String(score))];
}

/**
 * Restricts a process: its own session, its limits, its user namespace, its user, its capabilities.
 * @param defaults limits for the resources for which the spec has none
 * @param afterUser operations that have to come directly after the change of user
 */
export function rightsOps(
  { process, rlimits, capabilities }: Rights,
  userns: IdMaps | null,
  defaults: readonly Rlimit[],
  afterUser: Op[] = [],
): Op[] {
  const { uid, gid } = process;
  // a spec that an earlier niwad has saved has no account
  const { name, groups } = process.account ?? { name: '', groups: false };
  const mask = capabilityMask(capabilities);
  const limits = [...defaults.filter(({ name }) => rlimits.every((own) => own.name !== name)), ...rlimits];
  return [
    setsid(),
    ...limits.map(({ name, soft, hard }) => rlimit(name, soft, hard)),
    ...(userns === null ? [] : [joinUser(idInside(userns.uids, uid), idInside(userns.gids, gid))]),
    account(uid, { name, groups }),
    capbset(mask, capabilities),
    user(uid, gid),
    ...afterUser,
    capset(mask),
    noNewPrivs(),
  ];
}

/** Sets the system call filter of a process; gives no operation where the spec says `unconfined`. */
export function seccompOps(
  choice: Spec['seccomp'],
  compile: (profile: SeccompProfileInput) => readonly bigint[],
): Op[] {
  const found = seccompProfile(choice);
  return found === null ? [] : [seccomp(found.name, compile(found.profile))];
}

/** The calls of the boot program from its report that it waits to the byte of the start (op_wait in native/boot). */
const CALLS_OF_WAIT = ['sendto', 'read'];

/** Whether a process with the filter of a spec may wait for its start: then the filter is set before, and not after. */
export function mayWaitFiltered(choice: Spec['seccomp']): boolean {
  const found = seccompProfile(choice);
  return found !== null && CALLS_OF_WAIT.every((name) => allowsAlways(found.profile, name));
}

/** Gives the profile that a spec chose, and its name for people; null for no profile. */
function seccompProfile(choice: Spec['seccomp']): { name: string; profile: SeccompProfileInput } | null {
  if (choice === 'unconfined') return null;
  return choice === 'default'
    ? { name: 'the default profile', profile: DEFAULT_PROFILE }
    : { name: 'a profile', profile: choice };
}
