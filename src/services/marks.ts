import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Static, Type } from 'typebox';
import { unlinkIfThere } from '../host/directory.js';
import { loadNow } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { ServiceCountersSchema } from '../protocol/services.js';
import { problemsOf } from '../spec/check.js';
import type { Mark } from './instance.js';

const Usec = Type.Number({ minimum: 0 });
const MaybeUsec = Type.Union([Usec, Type.Null()]);
const MarksSchema = Type.Object({
  instances: Type.Array(
    Type.Object({
      id: Type.String(),
      revision: Type.Integer(),
      phase: Type.Enum(['starting', 'ready', 'routed', 'unrouted', 'frozen', 'thawing', 'ending']),
      replaces: Type.Union([Type.String(), Type.Null()]),
      port: Type.Integer(),
      startedUsec: Usec,
      readyUsec: MaybeUsec,
      routedUsec: MaybeUsec,
      unrouted: Type.Union([Type.Object({ cause: Type.String(), sinceUsec: Usec }), Type.Null()]),
      thawedUsec: MaybeUsec,
    }),
  ),
  startTimesUsec: Type.Array(Usec),
  failures: Type.Object({ count: Type.Integer(), lastUsec: Usec }),
  // earlier versions of niwad have not written these
  lastFailure: Type.Optional(
    Type.Union([Type.Object({ at: Type.String(), reason: Type.String(), message: Type.String() }), Type.Null()]),
  ),
  counters: Type.Optional(ServiceCountersSchema),
});

/**
 * What a niwad knows of a service beyond its declaration and its containers, so that the next niwad goes on from it.
 */
export interface Marks extends Omit<Static<typeof MarksSchema>, 'instances'> {
  instances: Mark[];
}

/**
 * The marks of the instances of all services, a file for each service in the run directory: a reboot may remove them,
 * since it ends the instances too.
 */
export class MarkFiles {
  readonly #directory: string;
  readonly #log: Logger;
  /** The services whose marks could not be written. */
  readonly #unsaved = new Set<string>();

  /** @throws NiwaError HOST_ERROR */
  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Replaces the marks of a service. Where the disk refuses, the next niwad finds earlier ones; false is given then.
   */
  save(service: string, marks: Marks): boolean {
    const path = this.#fileOf(service);
    try {
      writeFileSync(`${path}.new`, JSON.stringify(marks), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      this.#unsaved.delete(service);
      return true;
    } catch (error) {
      if (!this.#unsaved.has(service))
        this.#log.error({ service, err: error }, `the marks of a service wait to be written: ${messageOf(error)}`);
      this.#unsaved.add(service);
      return false;
    }
  }

  /**
   * Gives the marks of a service; null where there are none, or they are damaged: its instances are then asked again.
   */
  load(service: string): Marks | null {
    const found = loadNow(this.#fileOf(service), parse);
    if (found.state === 'whole') return found.value;
    if (found.state === 'damaged')
      this.#log.error(
        { service, reason: found.reason },
        'the marks of a service are damaged: its instances are probed, and get requests when they answer',
      );
    return null;
  }

  remove(service: string): void {
    try {
      unlinkIfThere(this.#fileOf(service));
    } catch (error) {
      this.#log.error({ service, err: error }, `the marks of a service cannot be removed: ${messageOf(error)}`);
    }
  }

  #fileOf(service: string): string {
    return join(this.#directory, `${service}.json`);
  }
}

function parse(text: string): Marks {
  const value = JSON.parse(text) as unknown;
  const [problem] = problemsOf(MarksSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  return value as Marks;
}
