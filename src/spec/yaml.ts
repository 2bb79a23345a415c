import { Lexer, parse } from 'yaml';
import { messageOf, NiwaError } from '../errors.js';

/** The lexer's mark at the beginning of a document. */
const DOCUMENT = '\u0002';
/** A spec has six levels. */
const MAX_NESTING = 100;

/**
 * Parses YAML, of which JSON is a part.
 * @param what the text is, for the message: "the body", "the configuration file"
 * @throws NiwaError SPEC_INVALID
 */
export function parseYaml(text: string, what: string): unknown {
  // The parser calls itself for each level. Where that exhausts the stack while V8 compiles a regular expression, it ends the
  // process: an error that nobody can catch.
  if (nestingOf(text) > MAX_NESTING)
    throw new NiwaError('SPEC_INVALID', `${what} is nested deeper than ${MAX_NESTING} levels`);
  try {
    return parse(text);
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `${what} is no YAML: ${messageOf(error)}`, { cause: error });
  }
}

/** Gives a bound of the depth: brackets that are open, and before the first word of a line its indentation and dashes. */
export function nestingOf(text: string): number {
  let [open, line, deepest] = [0, 0, 0];
  let atStart = true;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') open++;
    else if (token === ']' || token === '}') open--;
    if (token === '\n' || token === '\r\n') [line, atStart] = [0, true];
    else if (atStart && /^ +$/.test(token)) line += token.length;
    else if (atStart && (token === '-' || token === '?')) line++;
    else if (token !== DOCUMENT) atStart = false;
    deepest = Math.max(deepest, open + line);
  }
  return deepest;
}
