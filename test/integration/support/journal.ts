import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './niwad.js';

/** The journal of the states of containers, on the disk of a daemon. */

/** A line of the journal, as JSON. */
export interface Line {
  id: string;
  state?: Record<string, unknown>;
  change?: Record<string, unknown>;
}

/** The segments of the journal, the oldest first. */
export function segmentsOf({ runDir }: Place): string[] {
  const directory = join(runDir, 'states');
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name));
}

/** The whole lines of a container, the oldest first. */
export function linesOf(place: Place, id: string): Line[] {
  const lines = segmentsOf(place).flatMap((path) => readFileSync(path, 'utf8').split('\n'));
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.id === id);
}

/** Changes the lines of a container; null removes a line. */
export function damageLines(place: Place, id: string, change: (line: string) => string | null): void {
  for (const path of segmentsOf(place)) {
    const lines = readFileSync(path, 'utf8').split(/(?<=\n)/);
    writeFileSync(path, lines.map((line) => (line.includes(`"id":"${id}"`) ? (change(line) ?? '') : line)).join(''));
  }
}
