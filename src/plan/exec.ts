import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import type { ExecSpec } from '../spec/exec.js';
import { enterNamespaces } from './namespaces.js';
import type { Op } from './op.js';
import { chdir, closeFds, exec, terminal, umask, undumpable } from './ops.js';
import { oomOps, rightsOps, seccompOps } from './restrictions.js';

/** What the program of an exec has to know of the host. */
export interface ExecHost {
  /** The maps of the container's user namespace; null for the host's. */
  userns: IdMaps | null;
  /** Whether niwad's own oom_score_adj is below 0: a container does not inherit this protection. */
  oomProtected: boolean;
  /** How many files it may have open where the spec does not say. */
  openFiles: Rlimit;
  compileSeccomp: (profile: SeccompProfileInput) => readonly bigint[];
}

/**
 * Makes the boot program of a further process in a container that runs. It is born in the container's group and PID namespace;
 * the program enters the rest, and puts on what the first process put on, in the same order.
 */
export function execOps(spec: Spec, asked: ExecSpec, host: ExecHost): Op[] {
  const { process, size } = asked;
  const { userns, oomProtected, openFiles, compileSeccomp } = host;
  return [
    undumpable(),
    ...oomOps(spec, oomProtected),
    enterNamespaces(),
    ...rightsOps(asked, userns, [openFiles], [undumpable()]), // a change of user sets what fs.suid_dumpable says
    ...(process.tty ? [terminal(size?.rows ?? 0, size?.columns ?? 0)] : []),
    chdir(process.cwd),
    umask(process.umask),
    ...seccompOps(asked.seccomp, compileSeccomp),
    closeFds(),
    exec(process.args, process.env),
  ];
}
