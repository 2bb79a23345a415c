import type { UsageRecord } from '../protocol/record.js';
import type { Entry } from './record.js';

/** What the ledger remembers of the runs in its newest segment. */
export class KnownRuns {
  /** The last interim record of each run that goes on, as far as the ledger knows. */
  readonly going = new Map<string, UsageRecord>();
  /** The runs that have a final record. */
  readonly ended = new Set<string>();
  /** The latest `at` of all records. */
  latestAt: string | null = null;

  /** Takes an entry that is on disk, in the order in which they are there. */
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
