import type { OciSeccomp } from '../plan/oci/config.js';
import { CONFIG_VERSION } from '../plan/oci/config.js';
import { asksAgent } from '../plan/oci/process.js';
import type { BirthWord } from './messages.js';

/** A container as an agent sees it, see state.ts; `pid` is null while its first process is being made. */
interface AgentState {
  id: string;
  status: string;
  pid: number | null;
  bundle: string;
  annotations?: Readonly<Record<string, string>>;
}

/** Stands for the pid of the process, which only the command knows. No text of a config has a NUL. */
const PID = '\0';

/**
 * Gives the words of a birth by which the command hands the listener of a filter to the agent, with the container
 * process state of the OCI (config-linux.md); none for a filter that asks no agent. Pure.
 */
export function agentWords(seccomp: OciSeccomp | undefined, container: AgentState): BirthWord[] {
  if (seccomp === undefined || !asksAgent(seccomp)) return [];
  const { listenerPath = '', listenerMetadata: metadata } = seccomp;
  const ociVersion = CONFIG_VERSION;
  const { id, status, pid, bundle, annotations } = container;
  const processState = {
    ociVersion,
    fds: ['seccompFd'],
    pid: PID,
    ...(metadata === undefined ? {} : { metadata }),
    state: { ociVersion, id, status, pid: pid ?? PID, bundle, annotations },
  };
  return [
    ['agent', listenerPath],
    ['agent-state', JSON.stringify(processState).replaceAll(JSON.stringify(PID), PID)],
  ];
}
