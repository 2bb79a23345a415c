import { type FieldProblem, NiwaError } from '../errors.js';

const SHOWN_CHARACTERS = 60;

/** Throws `SPEC_INVALID` with all the problems where there are any; `what` names the input in the message. */
export function refuse(what: string, problems: FieldProblem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`);
  throw new NiwaError('SPEC_INVALID', `${what} is invalid: ${lines.join('; ')}`, { details: { problems } });
}

/** Writes a value into an error, cut where it is long. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = toText(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}

function toText(value: unknown): string {
  if (typeof value === 'number') return String(value); // JSON has no .inf and .nan, YAML has
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that is nested too deeply';
  }
}
