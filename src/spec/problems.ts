import { type FieldProblem, NiwaError } from '../protocol/errors.js';

const SHOWN_CHARACTERS = 60;
/** The most characters of a path in an error: a path may contain the name of an unknown field, of any length. */
const SHOWN_PATH = 200;
/** The most problems in one error. When the user has corrected them, the next error has the next ones. */
export const SHOWN_PROBLEMS = 100;

/** Gives the first problems, which the error names. Further problems are not looked for. */
export function firstProblems(problems: Iterable<FieldProblem>): FieldProblem[] {
  const first: FieldProblem[] = [];
  for (const problem of problems)
    if (first.push({ ...problem, path: shortened(problem.path, SHOWN_PATH) }) === SHOWN_PROBLEMS) break;
  return first;
}

/**
 * Returns if there are no problems.
 * @param what names the input in the message
 * @throws NiwaError SPEC_INVALID with the first hundred problems
 */
export function requireNoProblems(what: string, problems: Iterable<FieldProblem>): void {
  const shown = firstProblems(problems);
  if (shown.length > 0) throw invalid(what, shown);
}

/** Makes the error for some problems; the caller throws it. @param what names the input in the message */
export function invalid(what: string, problems: FieldProblem[]): NiwaError {
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`);
  return new NiwaError('SPEC_INVALID', `${what} is invalid: ${lines.join('; ')}`, { details: { problems } });
}

/** Gives the text of a value for an error. A long value is cut, and the rest of the value is not read. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  // JSON has no .inf and .nan, YAML has
  const text = typeof value === 'number' ? String(value) : beginningOf(value, SHOWN_CHARACTERS);
  return shortened(text, SHOWN_CHARACTERS);
}

/** Cuts a text that a stranger wrote, if it has more characters than `most`. */
export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/**
 * Gives the JSON of a value. If it has more than `room` characters, a beginning is given that has more than `room`
 * characters.
 */
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
