import type { SeccompProfileInput } from '../../protocol/spec.js';
import { enterNamespaces } from '../namespaces.js';
import type { Op } from '../op.js';
import { enter, undumpable } from '../ops.js';
import type { OciConfig } from './config.js';
import { ociOomOps, ociProcessOps } from './process.js';

/** CLONE_NEWTIME: a kernel without time namespaces refuses it. */
const TIME_FLAG = 0x80;

/** What the process of an exec needs of a config. */
export type ExecConfig = Pick<OciConfig, 'process' | 'linux'>;

/**
 * Makes the boot program of an exec in an OCI container. The process is made in the container's group and PID
 * namespace; the program enters the other namespaces, and goes on as that of the first process from its pivot on. Pure.
 * @throws NiwaError SPEC_INVALID
 */
export function ociExecOps(config: ExecConfig, compile: (profile: SeccompProfileInput) => readonly bigint[]): Op[] {
  return [
    undumpable(),
    ...ociOomOps(config.process),
    ...(hasTime(config) ? [enter(['time'], TIME_FLAG)] : []),
    enterNamespaces(),
    // again: the change of user set the dumpable flag to fs.suid_dumpable
    ...ociProcessOps(config, compile, { afterUser: [undumpable()] }),
  ];
}

function hasTime({ linux: { namespaces = [] } = {} }: ExecConfig): boolean {
  return namespaces.some(({ type }) => type === 'time');
}
