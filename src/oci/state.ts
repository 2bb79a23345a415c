import type { Container } from '../engine/container.js';
import { CONFIG_VERSION } from '../plan/oci/config.js';
import type { OciOrigin } from '../protocol/resolved-oci.js';

export type OciStatus = 'created' | 'running' | 'paused' | 'stopped';

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

/**
 * Gives the state of a container. Pure.
 * @param hasEnded whether its first process has ended: niwad may not have written that down yet
 */
export function ociState(
  container: Pick<Container, 'pid' | 'state' | 'createdAt' | 'life'>,
  origin: OciOrigin,
  hasEnded: boolean,
): OciState {
  const status = statusOf(container, hasEnded);
  const { id, bundle, rootfs, annotations } = origin;
  return {
    ociVersion: CONFIG_VERSION,
    id,
    pid: status === 'stopped' ? 0 : container.pid,
    status,
    bundle,
    rootfs,
    created: container.createdAt.toISOString(),
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

/** Writes the table of `list`. Pure. */
export function listTable(states: readonly OciState[]): string {
  const rows = [
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
    ...states.map(({ id, pid, status, bundle, created }) => [id, String(pid), status, bundle, created, 'root']),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(12, ...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
