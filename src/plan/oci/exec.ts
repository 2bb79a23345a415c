import type { SeccompProfileInput } from '../../protocol/spec.js';
import { enterNamespaces } from '../namespaces.js';
import type { Op } from '../op.js';
import { beBorn, enter, undumpable } from '../ops.js';
import type { OciConfig } from './config.js';
import { ociOomOps, ociProcessOps, ociStreamOps } from './process.js';

/** CLONE_NEWTIME: a kernel without time namespaces refuses it. */
const TIME_FLAG = 0x80;

/** What the process of an exec needs of a config. */
export type ExecConfig = Pick<OciConfig, 'process' | 'linux'>;

/**
 * Makes the boot program of an exec in an OCI container. The process is made in the group of the container; the
 * program enters its namespaces, and goes on as that of the first process from its pivot on. Only when it has no other
 * rights than the container, it goes on in the PID namespace, where the container can trace it. Pure.
 * @throws NiwaError SPEC_INVALID
 */
export function ociExecOps(config: ExecConfig, compile: (profile: SeccompProfileInput) => readonly bigint[]): Op[] {
  return [
    undumpable(),
    ...ociOomOps(config.process),
    ...ociStreamOps(config.process),
    ...(hasTime(config) ? [enter(['time'], TIME_FLAG)] : []),
    enterNamespaces('pid'),
    // again: the change of user set the dumpable flag to fs.suid_dumpable
    ...ociProcessOps(config, compile, { afterUser: [undumpable()], beforeTerminal: [beBorn()] }),
  ];
}

function hasTime({ linux: { namespaces = [] } = {} }: ExecConfig): boolean {
  return namespaces.some(({ type }) => type === 'time');
}
