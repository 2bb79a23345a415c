import { contentOf, type Line } from './line.js';

/** What the journal says of a container. */
export interface Found {
  id: string;
  /** The saved state; of any shape if it is damaged. */
  value: object;
  /** The whole lines that say it. */
  lines: Line[];
  /** Null if the lines are whole. `text`: the damaged ones, for the operator. */
  damage: { reason: string; text: Buffer } | null;
}

/** The lines of one container that count. */
interface Lines {
  state: Line | null;
  change: Line | null;
  removed: number;
  damaged: Line[];
}

const numberOf = (line: Line | null): number => line?.header?.n ?? 0;
const newer = (a: Line | null, b: Line): Line => (a !== null && numberOf(a) > numberOf(b) ? a : b);

/**
 * Gives what the lines of a journal say: for each container the last state and the last change of the same run. The
 * order of the lines does not matter, and a line may be there twice. Pure.
 *
 * A line that is damaged concerns its container if no later line replaces it. If any line is damaged, it may be the one
 * that says that a container's making was done, since its id may be damaged, too: so a container that was being made
 * counts as damaged. Otherwise it would be ended.
 * @returns all that exist, and the damaged lines of which nobody knows whose they are
 */
export function findAll(lines: Iterable<Line>): { found: Found[]; stray: Line[] } {
  const stray: Line[] = [];
  const all = new Map<string, Lines>();
  for (const line of lines) {
    if (line.header === null) {
      stray.push(line);
      continue;
    }
    const { id } = line.header;
    const known = all.get(id) ?? { state: null, change: null, removed: 0, damaged: [] };
    all.set(id, take(known, line));
  }
  const found = [...all].flatMap(([id, known]) => foundOf(id, known) ?? []);
  const isHurt = stray.length > 0 || found.some(({ damage }) => damage !== null);
  return { found: isHurt ? found.map(doubted) : found, stray };
}

function take(known: Lines, line: Line): Lines {
  if (!line.isWhole) known.damaged.push(line);
  else if (line.header?.kind === 'state') known.state = newer(known.state, line);
  else if (line.header?.kind === 'change') known.change = newer(known.change, line);
  else known.removed = Math.max(known.removed, numberOf(line));
  return known;
}

function foundOf(id: string, known: Lines): Found | null {
  const { removed } = known;
  const state = numberOf(known.state) > removed ? known.state : null;
  const change = numberOf(known.change) > Math.max(removed, numberOf(state)) ? known.change : null;
  const newest = Math.max(removed, numberOf(state), numberOf(change));
  const isOfOneRun = change === null || change.header?.run === state?.header?.run;
  // a whole change replaces what was damaged before, but the first line of a run
  const damaged = known.damaged.filter((line) => numberOf(line) > (isOfOneRun ? newest : removed));
  const lines = [state, change].filter((line) => line !== null);
  if (lines.length === 0 && damaged.length === 0) return null;
  const value = merged([...lines, ...damaged]);
  if (isOfOneRun && damaged.length === 0) return { id, value, lines, damage: null };
  const reason = damaged.length > 0 ? 'a line of it is damaged' : 'its first line is missing';
  return { id, value, lines, damage: { reason, text: textOf(damaged) } };
}

/**
 * Puts together what the lines say: of an earlier run only the spec, and not the phase before a damaged line, which may
 * be over.
 */
function merged(lines: Line[]): object {
  const inOrder = lines.sort((a, b) => numberOf(a) - numberOf(b));
  const run = inOrder.at(-1)?.header?.run;
  let value: { phase?: unknown; spec?: unknown; run?: unknown } = {};
  for (const [i, line] of inOrder.entries()) {
    const { state, change } = contentOf(line);
    if (!line.isWhole) delete value.phase;
    if (line.header?.run !== run) Object.assign(value, { spec: (state as { spec?: unknown } | undefined)?.spec, run });
    else if (i === 0 && isObject(state))
      value = state; // without a copy: nearly all begin so
    else Object.assign(value, state, change);
  }
  return value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function doubted(one: Found): Found {
  const { phase, ...value } = one.value as { phase?: unknown };
  if (one.damage !== null || phase !== 'making') return one;
  const reason = 'a damaged line of the journal may be its last one';
  return { ...one, value, damage: { reason, text: textOf(one.lines) } };
}

/** The lines as they are in the journal. */
export function textOf(lines: readonly Line[]): Buffer {
  return Buffer.concat(lines.flatMap(({ text }) => [text, Buffer.from('\n')]));
}
