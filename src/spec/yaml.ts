import { type Document, Lexer, LineCounter, parseAllDocuments, parseDocument } from 'yaml';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { MAX_NESTING, tooDeep, tooLarge } from './bounds.js';

/** The token with which the lexer marks the beginning of a document. */
const DOCUMENT = '\u0002';

/**
 * Parses YAML. JSON is YAML too.
 * @param what names the text in the message: "the body", "the configuration file"
 * @param maxTokens the most words, marks and spaces; the parser takes up to 50 microseconds for each
 * @throws NiwaError SPEC_INVALID
 */
export function parseYaml(text: string, what: string, maxTokens?: number): unknown {
  requireBoundedYaml(text, what, maxTokens);
  const lineCounter = new LineCounter();
  return toValue(parseDocument(text, { ...QUIET, lineCounter }), what, lineCounter);
}

/**
 * Parses a text with any number of YAML documents, divided by lines of three dashes. Empty documents are left out.
 * @param what names the text in the message
 * @throws NiwaError SPEC_INVALID
 */
export function parseYamlDocuments(text: string, what: string): unknown[] {
  requireBoundedYaml(text, what);
  const lineCounter = new LineCounter();
  const documents: Document[] = parseAllDocuments(text, { ...QUIET, lineCounter });
  return documents.map((document) => toValue(document, what, lineCounter)).filter((value) => value !== null);
}

const QUIET = {
  prettyErrors: false, // an excerpt for each of many errors would take longer than everything else
  resolveKnownTags: false,
  logLevel: 'error', // else the parser prints process warnings, which would quote the text of a stranger
} as const;

function requireBoundedYaml(text: string, what: string, maxTokens?: number): void {
  // The parser calls itself for each level. If that uses up the stack while V8 compiles a regular expression, V8 ends
  // the process, and no error can be caught. So the depth is measured before.
  const { depth, tokens } = measureYaml(text, maxTokens);
  if (maxTokens !== undefined && tokens > maxTokens) throw tooLarge(what, `${maxTokens} tokens as YAML, more as JSON`);
  if (depth > MAX_NESTING) throw tooDeep(what);
}

function toValue(document: Document, what: string, lineCounter: LineCounter): unknown {
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
 * Gives the number of tokens and escapes in a text, and an upper limit of its depth. The depth is counted from the
 * brackets that are open and, at the beginning of a line, from indentation and dashes.
 * @param maxTokens the text after so many tokens is not read
 */
export function measureYaml(text: string, maxTokens = Number.POSITIVE_INFINITY): { depth: number; tokens: number } {
  let [open, line, depth, tokens] = [0, 0, 0, 0];
  let atStart = true;
  for (const token of new Lexer().lex(text)) {
    tokens += 1 + escapesOf(token); // each escape may be an error
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
