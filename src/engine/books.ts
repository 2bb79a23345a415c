import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Ledger } from '../accounting/ledger.js';
import { messageOf } from '../errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { usecNow } from './clock.js';
import type { Container } from './container.js';
import { phaseOf, stateOf } from './saved-state.js';
import type { SavedState, StateFiles } from './state-files.js';
import { usageRecord } from './usage-record.js';

const LEDGER_RETRY_MS = 1000;
const CLOCK_JUMP_MS = 86_400_000;
/** So much of the memory's worth may have to be estimated after a crash. */
const SAVE_INTERVAL_USEC = 60_000_000;

export interface BooksOptions {
  stateFiles: StateFiles;
  ledger: Ledger;
  log: Logger;
  bootId: string;
  /** How often a container that goes on gets a record of its use so far. */
  interimIntervalMs: number;
}

/**
 * What is written down of containers: their states in the run directory, their use in the ledger. A disk that takes nothing
 * stops no container: what could not be written is tried again.
 */
export class Books {
  readonly #stateFiles: StateFiles;
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #bootId: string;
  readonly #interimIntervalUsec: number;
  /** Containers whose state waits to be written. */
  readonly #unsaved = new Map<Container, SavedState['phase']>();

  constructor({ stateFiles, ledger, log, bootId, interimIntervalMs }: BooksOptions) {
    this.#stateFiles = stateFiles;
    this.#ledger = ledger;
    this.#log = log;
    this.#bootId = bootId;
    this.#interimIntervalUsec = interimIntervalMs * 1000;
  }

  /** Writes the state of a container, sooner or later. */
  save(container: Container, phase = phaseOf(container)): void {
    container.written.save();
    try {
      this.#stateFiles.save(stateOf(container, this.#bootId, phase));
      this.#unsaved.delete(container);
    } catch (error) {
      if (!this.#unsaved.has(container))
        this.#log.error({ err: error, id: container.id }, 'the state of a container waits to be written');
      this.#unsaved.set(container, phase);
    }
  }

  /** Writes what waits to be written, and of all that go on what has not been written for long. */
  writeWhatIsDue(live: readonly Container[]): void {
    for (const [container, phase] of this.#unsaved) this.save(container, phase);
    const now = usecNow();
    for (const container of live) {
      if (!container.life.hasStarted || container.hasEnded) continue;
      if (container.written.isRecordDue(now, this.#interimIntervalUsec)) void this.recordInterim(container);
      else if (container.written.isSaveDue(now, SAVE_INTERVAL_USEC)) this.save(container);
    }
  }

  /** Removes the state of a container; what cannot be removed is listed again by the next daemon. */
  forget(id: string): void {
    for (const container of this.#unsaved.keys()) if (container.id === id) this.#unsaved.delete(container);
    try {
      this.#stateFiles.remove(id);
    } catch (error) {
      this.#log.error({ err: error, id }, 'the state of a container cannot be removed');
    }
  }

  /** Writes a record; resolves when it is on disk. A bill is never lost: what cannot be written is tried again until it can. */
  async record(record: UsageRecord): Promise<void> {
    for (;;) {
      try {
        return await this.#ledger.append(record);
      } catch (error) {
        this.#log.error({ err: error, record }, 'the usage record waits to be written');
        await sleep(LEDGER_RETRY_MS);
      }
    }
  }

  /** Records what a container has used so far. Where that fails, the next record has it. */
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
   * Finds the final records of containers that an earlier daemon had no time to close, by the names of their runs. That may
   * take long; where the ledger cannot be read there are none: of two final records whoever reads them takes the first.
   */
  async finalRecords(open: SavedState[]): Promise<Map<string, UsageRecord>> {
    const finals = new Map<string, UsageRecord>();
    if (open.length === 0) return finals;
    const runs = new Set(open.map(({ run }) => run));
    // A record may look older than its container, where somebody has set the clock back meanwhile.
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
