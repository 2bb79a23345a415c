import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import { capabilityMask } from '../spec/capabilities.js';
import type { Op } from './op.js';
import { account, capbset, capset, joinUser, noNewPrivs, rlimit, seccomp, setsid, user, write } from './ops.js';
import { DEFAULT_PROFILE } from './seccomp.js';
import { idInside } from './userns.js';

/** The restrictions of the first process of a container, and of every exec in it, in the same order. */

/** The part of a process that its rights follow from. */
export interface Rights {
  process: Spec['process'];
  rlimits: Rlimit[];
  capabilities: string[];
}

/**
 * Sets the score of a container for the OOM killer.
 * @param oomProtected whether niwad's own score is below 0: a container must not inherit it
 */
export function oomOps({ oomScoreAdj }: Spec, oomProtected: boolean): Op[] {
  const score = oomScoreAdj ?? (oomProtected ? 0 : null);
  return score === null ? [] : [write('/proc/self/oom_score_adj', String(score))];
}

/**
 * Restricts a process: a session and limits of its own, its user namespace, its user, its capabilities.
 * @param defaults limits for the resources that it sets no limit for
 * @param afterUser operations that have to follow the change of user directly
 */
export function rightsOps(
  { process, rlimits, capabilities }: Rights,
  userns: IdMaps | null,
  defaults: readonly Rlimit[],
  afterUser: Op[] = [],
): Op[] {
  const { uid, gid } = process;
  const { name, groups } = process.account ?? { name: '', groups: false }; // a spec that an earlier niwad saved has none
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

/** Filters the system calls of a process; no operation where it is unconfined. */
export function seccompOps(
  choice: Spec['seccomp'],
  compile: (profile: SeccompProfileInput) => readonly bigint[],
): Op[] {
  const found = seccompProfile(choice);
  return found === null ? [] : [seccomp(found.name, compile(found.profile))];
}

/** Gives the profile behind a choice, with its name for people; null for none. */
function seccompProfile(choice: Spec['seccomp']): { name: string; profile: SeccompProfileInput } | null {
  if (choice === 'unconfined') return null;
  return choice === 'default'
    ? { name: 'the default profile', profile: DEFAULT_PROFILE }
    : { name: 'a profile', profile: choice };
}
