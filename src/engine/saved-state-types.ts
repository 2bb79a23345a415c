import type { MemoryTime } from '../accounting/memory-time.js';
import type { IdRange } from '../host/id-pool.js';
import type { Lease } from '../network/lease.js';
import type { PlannedLimits } from '../plan/plan.js';
import type { Exit, Readiness } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Usage } from '../protocol/usage.js';
import type { RunsState } from './runs.js';

/** What is saved of a container, which a new daemon reads. Times with `Ns` are of CLOCK_BOOTTIME, as text. */
export interface SavedState {
  /** The id of the boot in which the container lives: processes and groups do not survive the boot. */
  bootId: string;
  /**
   * The name of this run in the ledger. The id alone does not suffice, because a later container may have the same id.
   */
  run: string;
  /** `making` until a client can know of the container. */
  phase: 'making' | 'created' | 'started' | 'exited';
  spec: Spec;
  /**
   * The limits for which a container that was never started was planned, where its spec has others by now; missing in
   * states of an older niwad.
   */
  planned?: PlannedLimits | null;
  cgroup: string;
  userns: IdMaps | null;
  idRange: IdRange | null;
  /** The container's address on the bridge; null if it has none. */
  lease: Lease | null;
  /** 0 while the container is being made. */
  pid: number;
  /** Field 22 of /proc/PID/stat: pid and start time together are unique for the whole boot. */
  startTicks: string;
  createdAt: string;
  startedAt: string | null;
  startedNs: string;
  deadlineNs: string;
  /** The last signal that was sent through niwa; 0 for none. */
  sentSignal: number;
  /** Set while another program dumps the container, which was running: if it is found frozen, nobody has paused it. */
  isDumped: boolean;
  /** How many OOM kills in its group the first process has survived; missing in states of an older niwad. */
  outlivedOomKills?: number;
  /** How long each part of the start took; missing in states of an older niwad. */
  phases?: Partial<StartPhases>;
  memory: MemoryTime | null;
  /** The use at the time of this save; null where it was not read, at the making and at the start. */
  usage: Usage | null;
  exit: Exit | null;
  /** The run's place among the runs of the container; missing in states of an older niwad. */
  runs?: RunsState;
  ready: Readiness | null;
  /** False if the container has exited and the hooks of its end have not finished. */
  hooksDone: boolean;
  /** How often the hooks of the end have begun; missing in states of an older niwad. */
  hookTries?: number;
}

/** A container whose directory or group exists, but whose state is damaged or missing. */
export interface Damaged {
  id: string;
  /** What is wrong with the state. */
  reason: string;
  /** What can be read of the state, of any shape; undefined if nothing can. */
  said: unknown;
  /** What is damaged, for the operator. */
  text?: Buffer;
}
