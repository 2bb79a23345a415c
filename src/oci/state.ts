import type { Container } from '../engine/container.js';
import { CONFIG_VERSION } from '../plan/oci/config.js';
import type { OciOrigin } from '../protocol/resolved-oci.js';
import { escaped, plain } from '../spec/printable.js';

export type OciStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** The state of a container as the OCI runtime-spec has it, and runc beyond it. */
export interface OciState {
  ociVersion: string;
  id: string;
  pid: number;
  status: OciStatus;
  bundle: string;
  rootfs: string;
  created: string;
  owner: string;
  annotations?: Record<string, string>;
}

type OriginShown = Pick<OciOrigin, 'id' | 'bundle' | 'rootfs' | 'annotations'>;

/**
 * Gives the state of a container. Pure.
 * @param hasEnded whether its first process has ended: niwad may not have written that down yet
 */
export function ociState(
  container: Pick<Container, 'pid' | 'state' | 'createdAt' | 'life'>,
  origin: OriginShown,
  hasEnded: boolean,
): OciState {
  const status = statusOf(container, hasEnded);
  const pid = status === 'stopped' ? 0 : container.pid;
  return stateWith(origin, { pid, status, created: container.createdAt });
}

/** Gives the state of a container that is being made; the pid is 0 until there is a process. Pure. */
export function creatingState(origin: OriginShown, now: Date): OciState {
  return stateWith(origin, { pid: 0, status: 'creating', created: now });
}

function stateWith(
  { id, bundle, rootfs, annotations }: OriginShown,
  { pid, status, created }: { pid: number; status: OciStatus; created: Date },
): OciState {
  return {
    ociVersion: CONFIG_VERSION,
    id,
    pid,
    status,
    bundle,
    rootfs,
    created: created.toISOString(),
    owner: '',
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

/** Gives the status in the OCI's words. Pure. */
export function statusOf({ state, life }: Pick<Container, 'state' | 'life'>, hasEnded: boolean): OciStatus {
  if (hasEnded || state === 'exited') return 'stopped';
  if (state === 'stopping') return life.hasStarted ? 'running' : 'created';
  return state;
}

/** Writes states as JSON: annotations and paths may have characters on which a terminal acts. Pure. */
export function shownJson(states: OciState | readonly OciState[], spaces = 0): string {
  return escaped(JSON.stringify(states, null, spaces));
}

/** Writes the table of `list`. Pure. */
export function listTable(states: readonly OciState[]): string {
  const rows = [
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
    ...states.map(({ id, pid, status, bundle, created }) => [id, String(pid), status, plain(bundle), created, 'root']),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(12, ...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
