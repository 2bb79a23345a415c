import { capabilityMask } from '../spec/capabilities.js';
import type { ExecSpec } from '../spec/exec.js';
import type { SeccompProfileInput } from '../spec/schema.js';
import type { IdMaps, Spec } from '../spec/spec.js';
import { enterNamespaces } from './namespaces.js';
import {
  capbset,
  capset,
  chdir,
  closeFds,
  exec,
  joinUser,
  noNewPrivs,
  type Op,
  rlimit,
  seccomp,
  setsid,
  terminal,
  umask,
  undumpable,
  user,
  write,
} from './ops.js';
import { seccompProfile } from './plan.js';
import { idInside } from './userns.js';

/** What the program of an exec has to know of the host. */
export interface ExecHost {
  /** The maps of the container's user namespace; null for the host's. */
  userns: IdMaps | null;
  /** Whether niwad's own oom_score_adj is below 0: a container does not inherit this protection. */
  oomProtected: boolean;
  compileSeccomp: (profile: SeccompProfileInput) => readonly bigint[];
}

/**
 * Makes the boot program of a further process in a container that runs. It is born in the container's group and PID namespace;
 * the program enters the rest, and puts on what the first process put on, in the same order.
 */
export function execOps(spec: Spec, asked: ExecSpec, { userns, oomProtected, compileSeccomp }: ExecHost): Op[] {
  const { process, size, rlimits, capabilities } = asked;
  const mask = capabilityMask(capabilities);
  const profile = seccompProfile(asked.seccomp);
  const oomScoreAdj = spec.oomScoreAdj ?? (oomProtected ? 0 : null);
  return [
    undumpable(),
    ...(oomScoreAdj === null ? [] : [write('/proc/self/oom_score_adj', String(oomScoreAdj))]),
    enterNamespaces(),
    setsid(),
    ...rlimits.map(({ name, soft, hard }) => rlimit(name, soft, hard)),
    ...(userns === null ? [] : [joinUser(idInside(userns.uids, process.uid), idInside(userns.gids, process.gid))]),
    capbset(mask, capabilities),
    user(process.uid, process.gid),
    undumpable(), // a change of user sets what fs.suid_dumpable says
    capset(mask),
    noNewPrivs(),
    ...(process.tty ? [terminal(size?.rows ?? 0, size?.columns ?? 0)] : []),
    chdir(process.cwd),
    umask(process.umask),
    ...(profile === null ? [] : [seccomp(profile.name, compileSeccomp(profile.profile))]),
    closeFds(),
    exec(process.args, process.env),
  ];
}
