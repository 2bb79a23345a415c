import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Ledger } from '../accounting/ledger.js';
import type { Handle } from '../kernel/containers.js';
import { messageOf } from '../protocol/errors.js';
import type { UsageRecord } from '../protocol/record.js';
import type { Usage } from '../protocol/usage.js';
import { usecNow } from './clock.js';
import type { Container } from './container.js';
import { phaseOf, stateOf } from './saved-state.js';
import type { SavedState } from './saved-state-types.js';
import type { StateStore } from './state-store.js';
import { usageRecord } from './usage-record.js';

const LEDGER_RETRY_MS = 1000;
const CLOCK_JUMP_MS = 86_400_000;
/**
 * The interval between two saves of the state of a running container that has used processor time, block devices or the
 * network since the last one. After a crash, the memory's byte-seconds of at most this time have to be estimated, and
 * the network traffic of at most this time is missing if the container ends while no niwad runs. An idle container has
 * the same figures all the time, so its state is saved with its interim records alone.
 */
const SAVE_INTERVAL_USEC = 60_000_000;

export interface BooksOptions {
  states: StateStore;
  ledger: Ledger;
  log: Logger;
  bootId: string;
  /** The interval between two interim records of the use of a running container. */
  interimIntervalMs: number;
}

/**
 * Saves what must outlive niwad: the states of containers in the run directory, and their use in the ledger. If the
 * disk refuses a write, the containers go on, and the write is tried again.
 */
export class Books {
  readonly #states: StateStore;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #bootId: string;
  readonly #interimIntervalUsec: number;
  /** Containers whose state could not be written yet. */
  readonly #unsaved = new Map<Container, SavedState['phase']>();

  constructor({ states, ledger, log, bootId, interimIntervalMs }: BooksOptions) {
    this.#states = states;
    this.#ledger = ledger;
    this.#log = log;
    this.#bootId = bootId;
    this.#interimIntervalUsec = interimIntervalMs * 1000;
  }

  /**
   * Writes the state of a container; tries again later if the disk refuses.
   * @param usage the use to be saved; a new reading where it is missing
   */
  save(container: Container, phase = phaseOf(container), usage?: Usage | null): void {
    container.written.save();
    try {
      this.#states.save(stateOf(container, this.#bootId, phase, usage === undefined ? container.usage() : usage));
      this.#unsaved.delete(container);
    } catch (error) {
      if (!this.#unsaved.has(container))
        this.#log.error({ err: error, id: container.id }, 'the state of a container waits to be written');
      this.#unsaved.set(container, phase);
    }
  }

  /**
   * Writes the states that the disk has refused, and the states and interim records of running containers whose
   * interval is over.
   */
  writeWhatIsDue(live: readonly Container[]): void {
    for (const [container, phase] of this.#unsaved) this.save(container, phase);
    this.#restoreLost(live);
    const now = usecNow();
    for (const container of live) {
      if (!container.life.hasStarted || container.hasEnded) continue;
      if (container.written.isRecordDue(now, this.#interimIntervalUsec)) void this.recordInterim(container);
      else if (container.written.isSaveDue(now, SAVE_INTERVAL_USEC, container.meter.activeUsec)) this.save(container);
    }
  }

  /** Writes the states of live containers again where another program has removed or changed a part of the journal. */
  #restoreLost(live: readonly Container[]): void {
    try {
      if (!this.#states.isLost()) return;
      this.#log.error(
        'a part of the journal of the states was removed or changed by another program: the states of live containers are written again',
      );
      for (const container of live) this.save(container);
    } catch (error) {
      this.#log.error({ err: error }, messageOf(error));
    }
  }

  /** Removes the state of a container. If this cannot be written, the next daemon lists the container again. */
  forget(id: string): void {
    for (const container of this.#unsaved.keys()) if (container.id === id) this.#unsaved.delete(container);
    try {
      this.#states.remove(id);
    } catch (error) {
      this.#log.error({ err: error, id }, 'the state of a container cannot be removed');
    }
  }

  /**
   * Writes a usage record; resolves when it is on disk. A record is the base of a bill, so a write that fails is
   * repeated until it succeeds.
   * @param ended the container whose final record this is, see Ledger.append
   */
  async record(record: UsageRecord, ended: Handle = 0): Promise<void> {
    for (;;) {
      try {
        return await this.#ledger.append(record, ended);
      } catch (error) {
        this.#log.error({ err: error, record }, 'the usage record waits to be written');
        await sleep(LEDGER_RETRY_MS);
      }
    }
  }

  /** Writes an interim record of a container's use. If this fails, the next record contains this use too. */
  async recordInterim(container: Container): Promise<void> {
    container.written.record();
    this.save(container);
    try {
      await this.#ledger.append(usageRecord(container, container.written.recordedUsec));
    } catch (error) {
      this.#log.error({ err: error, id: container.id }, messageOf(error));
    }
  }

  /**
   * Finds the final records of containers whose ends an earlier daemon had recorded but not saved, by the names of
   * their runs. This may take long. If the ledger cannot be read, the result is empty and a second final record may be
   * written; readers of the ledger take the first of two.
   */
  async finalRecords(open: SavedState[]): Promise<Map<string, UsageRecord>> {
    const finals = new Map<string, UsageRecord>();
    if (open.length === 0) return finals;
    const runs = new Set(open.map(({ run }) => run));
    // A record may look older than its container if the clock was set back in between.
    const oldest = Math.min(...open.map(({ createdAt }) => Date.parse(createdAt)));
    const since = new Date(oldest - CLOCK_JUMP_MS).toISOString();
    try {
      for await (const record of this.#ledger.records({ since, until: null }))
        if (record.type === 'final' && runs.has(record.run)) finals.set(record.run, record);
    } catch (error) {
      this.#log.error({ err: error }, messageOf(error));
    }
    return finals;
  }
}
