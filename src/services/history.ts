import type { TSchema } from 'typebox';
import type { LineFile } from '../host/line-file.js';
import type { ServiceEventType } from '../protocol/events.js';
import {
  type HistoryEntry,
  HistoryEntrySchema,
  type ServiceFigures,
  ServiceFiguresSchema,
  type ServiceHistory,
} from '../protocol/services.js';
import { fits } from '../spec/check.js';

/**
 * How many entries are shown: their age does not count, so that no jump of the clock hides one. Figures are those of at
 * least six hours, since a minute without any has no entry.
 */
const SHOWN_DECISIONS = 1000;
const SHOWN_FIGURES = 360;
/** How many warnings are remembered, so that they are not told again. */
const REMEMBERED_WARNINGS = 1000;
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

/** The files of a service's history. */
export interface HistoryFiles {
  decisions: LineFile;
  figures: LineFile;
}

/** The decisions about one service and its figures, of the last hours. They outlive niwad. */
export class History {
  readonly #files: HistoryFiles;
  readonly #warned = new Map<string, number>();

  constructor(files: HistoryFiles) {
    this.#files = files;
  }

  /** Adds a decision, which {@link flush} writes. */
  add(step: string, instance: string | null, why: string): void {
    this.#files.decisions.add({ at: new Date().toISOString(), step, instance, why } satisfies HistoryEntry);
  }

  /** Adds the figures of a minute, which {@link flush} writes. */
  addFigures(figures: ServiceFigures): void {
    this.#files.figures.add(figures);
  }

  /** Gives the newest entries, the oldest of them first. Throws the errors of the file system. */
  async read(): Promise<ServiceHistory> {
    const { decisions, figures } = this.#files;
    return {
      decisions: fitting<HistoryEntry>(HistoryEntrySchema, await decisions.read()).slice(-SHOWN_DECISIONS),
      figures: fitting<ServiceFigures>(ServiceFiguresSchema, await figures.read()).slice(-SHOWN_FIGURES),
    };
  }

  /** Writes what was added. Throws the errors of the file system; then it is written by a later call. */
  async flush(): Promise<void> {
    await this.#files.decisions.flush();
    await this.#files.figures.flush();
  }

  /** Removes all; nothing is written any more. Throws the errors of the file system. */
  async remove(): Promise<void> {
    await this.#files.decisions.remove();
    await this.#files.figures.remove();
  }

  /** Whether a warning has to be told: the same words, whatever their figures, are told once a minute. */
  isNews(warning: string, now = performance.now()): boolean {
    const words = warning.replace(/[0-9.]+/g, '');
    const before = this.#warned.get(words);
    if (before !== undefined && now - before < QUIET_MS) return false;
    if (this.#warned.size > REMEMBERED_WARNINGS) this.#warned.clear();
    this.#warned.set(words, now);
    return true;
  }
}

/** Leaves out what is no entry, such as that of a niwad which had other fields. */
function fitting<T>(schema: TSchema, values: readonly unknown[]): T[] {
  return values.filter((value) => fits(schema, value)) as T[];
}
