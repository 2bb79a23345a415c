import { Lexer, LineCounter, parseDocument } from 'yaml';
import { messageOf, NiwaError } from '../errors.js';
import { MAX_NESTING, tooDeep, tooLarge } from './bounds.js';

/** The lexer's mark at the beginning of a document. */
const DOCUMENT = '\u0002';

/**
 * Parses YAML, of which JSON is a part.
 * @param what the text is, for the message: "the body", "the configuration file"
 * @param maxTokens the parser takes up to 50 microseconds for each word, mark or space
 * @throws NiwaError SPEC_INVALID
 */
export function parseYaml(text: string, what: string, maxTokens = Number.POSITIVE_INFINITY): unknown {
  // The parser calls itself for each level. Where that exhausts the stack while V8 compiles a regular expression, it ends the
  // process: an error that nobody can catch.
  const { depth, tokens } = measureYaml(text, maxTokens);
  if (tokens > maxTokens) throw tooLarge(what, `${maxTokens} tokens as YAML, more as JSON`);
  if (depth > MAX_NESTING) throw tooDeep(what);
  const lineCounter = new LineCounter();
  // An excerpt for each of many errors would take longer than all the rest.
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    resolveKnownTags: false,
    logLevel: 'error', // else the text of a stranger makes warnings of the process, and quotes itself in them
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new NiwaError('SPEC_INVALID', `${what} is no YAML: ${error.message} at line ${line}, column ${col}`, {
      cause: error,
    });
  }
  try {
    return document.toJS();
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `${what} is no YAML: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Gives the number of tokens and escapes of a text, and a bound of its depth: brackets that are open, and before the first word of a line
 * its indentation and dashes.
 * @param maxTokens what is behind so many is not looked at
 */
export function measureYaml(text: string, maxTokens = Number.POSITIVE_INFINITY): { depth: number; tokens: number } {
  let [open, line, depth, tokens] = [0, 0, 0, 0];
  let atStart = true;
  for (const token of new Lexer().lex(text)) {
    tokens += 1 + escapesOf(token); // each of them may be an error
    if (tokens > maxTokens) break;
    if (token === '[' || token === '{') open++;
    else if (token === ']' || token === '}') open--;
    if (token === '\n' || token === '\r\n') [line, atStart] = [0, true];
    else if (atStart && /^ +$/.test(token)) line += token.length;
    else if (atStart && (token === '-' || token === '?')) line++;
    else if (token !== DOCUMENT) atStart = false;
    depth = Math.max(depth, open + line);
  }
  return { depth, tokens };
}

function escapesOf(token: string): number {
  return token.startsWith('"') ? token.split('\\').length - 1 : 0;
}
