import type { UsageRecord } from '../protocol/record.js';
import type { Entry } from './record.js';

/** What the ledger keeps in memory about the runs in its newest segment. */
export class KnownRuns {
  /** For each run without a final record, its last interim record. */
  readonly going = new Map<string, UsageRecord>();
  /** The runs that have a final record. */
  readonly ended = new Set<string>();
  /** The latest `at` of all records. */
  latestAt: string | null = null;

  /** Learns from an entry. The entries have to be on disk, and come in the order in which they were written. */
  add(entry: Entry): void {
    this.#see('header' in entry ? entry.header.latest_at : entry.record.at);
    if ('record' in entry) this.#follow(entry.record);
  }

  #follow(record: UsageRecord): void {
    if (record.type === 'interim') {
      if (!this.ended.has(record.run)) this.going.set(record.run, record);
    } else {
      this.going.delete(record.run);
      this.ended.add(record.run);
    }
  }

  #see(at: string | null): void {
    if (at !== null && (this.latestAt === null || at > this.latestAt)) this.latestAt = at;
  }
}
