import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import type { ExecSpec } from '../spec/exec.js';
import { enterNamespaces } from './namespaces.js';
import type { Op } from './op.js';
import { chdir, closeFds, exec, execImage, terminal, umask, undumpable } from './ops.js';
import { oomOps, rightsOps, seccompOps } from './restrictions.js';

/** The facts about the host and the container that the boot program of an exec depends on, beside the spec. */
export interface ExecHost {
  /** The maps of the container's user namespace; null for the host's. */
  userns: IdMaps | null;
  /** Whether niwad's own oom_score_adj is below 0: a container does not inherit this protection. */
  oomProtected: boolean;
  /** The limit of open files, for a spec that has none. */
  openFiles: Rlimit;
  compileSeccomp: (profile: SeccompProfileInput) => readonly bigint[];
}

/**
 * Makes the boot program of an exec: a further process in a running container. The process is made in the container's
 * group and PID namespace; the program enters the other namespaces and sets the same restrictions as the first process,
 * in the same order.
 */
export function execOps(spec: Spec, asked: ExecSpec, host: ExecHost): Op[] {
  const { process } = asked;
  return [...enteringOps(spec, asked, host), exec(process.args, process.env)];
}

/** Makes the boot program of a process that runs a program of niwa in a container, with the rights of an exec. */
export function imageOps(spec: Spec, asked: ExecSpec, host: ExecHost): Op[] {
  return [...enteringOps(spec, asked, host), execImage(asked.process.args)];
}

function enteringOps(spec: Spec, asked: ExecSpec, host: ExecHost): Op[] {
  const { process, size } = asked;
  const { userns, oomProtected, openFiles, compileSeccomp } = host;
  return [
    undumpable(),
    ...oomOps(spec, oomProtected),
    enterNamespaces(spec.namespaces.mount === 'new'),
    // again: the change of user set the dumpable flag to fs.suid_dumpable
    ...rightsOps(asked, userns, [openFiles], [undumpable()]),
    ...(process.tty ? [terminal(size?.rows ?? 0, size?.columns ?? 0)] : []),
    chdir(process.cwd),
    umask(process.umask),
    ...seccompOps(asked.seccomp, compileSeccomp),
    closeFds(),
  ];
}
