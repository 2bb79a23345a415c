import { PHASES, type PhaseName, type StartPhases, toSnakeCase } from '../protocol/phases.js';

/** The names of the phases, each with its name in the API. */
const NAMES = (Object.keys(PHASES) as PhaseName[]).map((name) => [name, toSnakeCase(name)] as const);

/** Gives the durations of the phases by their names in the API. */
export function tellPhases(phases: Partial<StartPhases>): Record<string, number> {
  const told: Record<string, number> = {};
  for (const [name, toldName] of NAMES) {
    const usec = phases[name];
    if (usec !== undefined) told[toldName] = usec;
  }
  return told;
}

/**
 * Gives how long a start took: the sum of its phases, in microseconds. The time between a create and its start is in no
 * phase. null where no phase is known.
 */
export function startUsec(phases: Partial<StartPhases>): number | null {
  const known = Object.values(phases);
  return known.length === 0 ? null : known.reduce((sum, usec) => sum + usec, 0);
}

/** Measures the durations of consecutive phases. */
export class Stopwatch {
  readonly phases: Partial<StartPhases> = {};
  #since = performance.now();

  /** Ends a phase: its duration is the time since the last call, or since the stopwatch was made. */
  lap(name: PhaseName): void {
    const now = performance.now();
    this.phases[name] = Math.round((now - this.#since) * 1000);
    this.#since = now;
  }

  /** Takes the durations of phases that the kernel's side has measured since the last call. */
  take(phases: Partial<StartPhases>): void {
    Object.assign(this.phases, phases);
    this.#since = performance.now();
  }
}
