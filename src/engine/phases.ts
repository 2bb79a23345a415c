import { PHASES, type PhaseName, type StartPhases, toSnakeCase } from '../protocol/phases.js';

/** The names of the phases, and those that the API has for them. */
const NAMES = (Object.keys(PHASES) as PhaseName[]).map((name) => [name, toSnakeCase(name)] as const);

/** Gives the phases by the names that the API has for them. */
export function tellPhases(phases: Partial<StartPhases>): Record<string, number> {
  const told: Record<string, number> = {};
  for (const [name, toldName] of NAMES) {
    const usec = phases[name];
    if (usec !== undefined) told[toldName] = usec;
  }
  return told;
}

/** Takes the time of one phase after another. */
export class Stopwatch {
  readonly phases: Partial<StartPhases> = {};
  #since = performance.now();

  /** The time since the last call, or the making, was for this phase. */
  lap(name: PhaseName): void {
    const now = performance.now();
    this.phases[name] = Math.round((now - this.#since) * 1000);
    this.#since = now;
  }

  /** The time since the last call was for phases that somebody else has timed. */
  take(phases: Partial<StartPhases>): void {
    Object.assign(this.phases, phases);
    this.#since = performance.now();
  }
}
