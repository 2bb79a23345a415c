import type { ServiceEventType } from '../protocol/events.js';
import type { HistoryEntry } from '../protocol/services.js';

/** How long entries are kept, and how many at most: a service that fails each second must not fill the memory. */
const KEPT_MS = 6 * 3_600_000;
const KEPT_ENTRIES = 1000;
/** The same warning is told again after this time. */
const QUIET_MS = 60_000;

/** The steps that are told as events; the events of containers tell the others. */
export const TOLD: Readonly<Partial<Record<string, ServiceEventType>>> = {
  route: 'service-route',
  unroute: 'service-unroute',
  refuse: 'service-refuse',
  accept: 'service-accept',
  warn: 'service-warn',
  apply: 'service-apply',
  scale: 'service-scale',
  remove: 'service-remove',
};

/** The decisions of the last hours of one service. */
export class History {
  #entries: HistoryEntry[] = [];
  readonly #warned = new Map<string, number>();

  add(step: string, instance: string | null, why: string, now = Date.now()): void {
    this.#entries.push({ at: new Date(now).toISOString(), step, instance, why });
    if (this.#entries.length > KEPT_ENTRIES + KEPT_ENTRIES / 10) this.#entries = this.#entries.slice(-KEPT_ENTRIES);
  }

  /** The entries of the last hours, the oldest first. */
  entries(now = Date.now()): HistoryEntry[] {
    const oldest = new Date(now - KEPT_MS).toISOString();
    return this.#entries.filter(({ at }) => at >= oldest).slice(-KEPT_ENTRIES);
  }

  /** Whether a warning has to be told: the same words, whatever their figures, are told once a minute. */
  isNews(warning: string, now = performance.now()): boolean {
    const words = warning.replace(/[0-9.]+/g, '');
    const before = this.#warned.get(words);
    if (before !== undefined && now - before < QUIET_MS) return false;
    if (this.#warned.size > KEPT_ENTRIES) this.#warned.clear();
    this.#warned.set(words, now);
    return true;
  }
}
