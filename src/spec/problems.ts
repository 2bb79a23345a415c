import { type FieldProblem, NiwaError } from '../errors.js';

const SHOWN_CHARACTERS = 60;
/** A path may have the names of unknown fields in it. */
const SHOWN_PATH = 200;
/** The most problems in one error. A user who has mended them gets the next ones with the next error. */
export const SHOWN_PROBLEMS = 100;

/** Gives the problems that are told; no further ones are looked for. */
export function firstProblems(problems: Iterable<FieldProblem>): FieldProblem[] {
  const first: FieldProblem[] = [];
  for (const problem of problems)
    if (first.push({ ...problem, path: shortened(problem.path, SHOWN_PATH) }) === SHOWN_PROBLEMS) break;
  return first;
}

/**
 * Returns only where there are no problems.
 * @param what names the input in the message
 * @throws NiwaError SPEC_INVALID with the first hundred problems
 */
export function requireNoProblems(what: string, problems: Iterable<FieldProblem>): void {
  const shown = firstProblems(problems);
  if (shown.length > 0) throw invalid(what, shown);
}

/** Gives the error of problems that there are, to be thrown. @param what names the input in the message */
export function invalid(what: string, problems: FieldProblem[]): NiwaError {
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`);
  return new NiwaError('SPEC_INVALID', `${what} is invalid: ${lines.join('; ')}`, { details: { problems } });
}

/** Gives the text of a value for an error. A long value is cut, and the rest of it is never read. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'number' ? String(value) : beginningOf(value, SHOWN_CHARACTERS); // JSON has no .inf and .nan, YAML has
  return shortened(text, SHOWN_CHARACTERS);
}

/** Cuts a text of somebody else that is longer than so many characters. */
export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** Gives the JSON of a value. Of JSON that is longer than `room` characters it gives a beginning that is longer than `room`. */
function beginningOf(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value);
  const list = Array.isArray(value);
  let text = list ? '[' : '{';
  for (const key in value) {
    const comma = text.length > 1 ? ',' : '';
    const name = list ? '' : `${JSON.stringify(key.slice(0, room))}:`;
    text += comma + name;
    if (text.length > room) return text;
    text += beginningOf((value as Record<string, unknown>)[key], room - text.length);
    if (text.length > room) return text;
  }
  return text + (list ? ']' : '}');
}
