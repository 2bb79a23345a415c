import { invalid, show } from '../../spec/problems.js';

/**
 * The texts of `--format`: plain text with fields in it, such as `{{.id}} {{json .spec.labels}}`, in the form of Go's
 * text/template, of which niwa takes the parts that are written by hand.
 */

/** A field by the names that lead to it; an empty path is the whole. `call` says how its value is written. */
export interface Field {
  path: string[];
  call: 'text' | 'json' | 'join' | 'upper' | 'lower';
  /** The text between the members of a list; empty for other calls. */
  separator: string;
}

/** A template in its parts, in their order. */
export type Template = (string | Field)[];

/** What a template may have between its braces, for errors. */
export const TEMPLATE_WORDS =
  '{{.field}}, {{json .field}}, {{join .field ","}}, {{index .field "name"}}, {{upper .field}} or {{lower .field}}';

const ESCAPES: Record<string, string> = { '\\t': '\t', '\\n': '\n', '\\\\': '\\' };

/**
 * Parses a template. `\t` and `\n` in its text stand for a tab and a line end.
 * @throws NiwaError SPEC_INVALID where something else than a field stands between braces
 */
export function parseTemplate(text: string): Template {
  const parts = text.split(/\{\{(.*?)\}\}/s);
  return parts.flatMap((part, i): Template => {
    if (i % 2 === 1) return [parseField(part.trim())];
    if (part.includes('{{') || part.includes('}}')) throw wrongTemplate(part);
    return part === '' ? [] : [part.replaceAll(/\\[tn\\]/g, (found) => ESCAPES[found] ?? found)];
  });
}

function parseField(words: string): Field {
  const tokens = [...words.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s"]+)/g)].map(([, quoted, bare = '']) =>
    quoted === undefined
      ? { kind: bare.startsWith('.') ? '.' : /^[0-9]+$/.test(bare) ? '"' : bare, text: bare }
      : { kind: '"', text: unquoted(quoted) },
  );
  const [first = '', second = '', third = ''] = tokens.map(({ text }) => text);
  switch (tokens.map(({ kind }) => kind).join(' ')) {
    case '.':
      return { path: pathOf(first), call: 'text', separator: '' };
    case '. "': // Docker's {{.Label "name"}}
      return { path: [...pathOf(first), second], call: 'text', separator: '' };
    case 'index . "':
      return { path: [...pathOf(second), third], call: 'text', separator: '' };
    case 'join . "':
      return { path: pathOf(second), call: 'join', separator: third };
    case 'json .':
    case 'upper .':
    case 'lower .':
      return { path: pathOf(second), call: first as 'json' | 'upper' | 'lower', separator: '' };
    default:
      throw wrongTemplate(`{{${words}}}`);
  }
}

function pathOf(word: string): string[] {
  return word.split('.').filter((name) => name !== '');
}

function unquoted(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => ESCAPES[`\\${character}`] ?? character);
}

function wrongTemplate(found: string) {
  return invalid('the command line', [{ path: '--format', found: show(found), allowed: TEMPLATE_WORDS }]);
}
