import { type Table, table } from '../table.js';
import { escaped } from '../text.js';
import { type DockerNames, knownPath, valueAt } from './fields.js';
import { type Field, parseTemplate, type Template } from './template.js';

/** How `--format` writes values: each as a line of JSON, as a line of a text, or as a row of a table. */
export interface Format {
  /** The fields at the top of a value that are needed; null for all of them. */
  fields: string[] | null;
  /** Writes one value, without a line end. */
  line(value: unknown): string;
  /** Makes a table of all values; null for lines, which can be written one by one. */
  table: ((values: readonly unknown[]) => Table) | null;
}

/** What --format takes, for the help. */
export const FORMAT_WORDS =
  'table, json (an object on each line), a text with fields such as "{{.id}} {{json .exit}}", or a table of these: "table {{.id}}\\t{{.state}}"';

/**
 * Makes a format of the text after `--format`.
 * @param schema the JSON schema of the values
 * @param docker fields that may be written as Docker names them
 * @throws NiwaError SPEC_INVALID where a field is unknown or the text has another form
 */
export function parseFormat(text: string, schema: object, docker: DockerNames): Format {
  if (text === 'json') return { fields: null, line: jsonOf, table: null };
  const [, columns] = /^table\s+(\S.*)$/s.exec(text) ?? [];
  const template = parseTemplate(columns ?? text).map((part) =>
    typeof part === 'string' ? part : { ...part, path: knownPath(part.path, schema, docker) },
  );
  const fields = fieldsOf(template);
  const line = (value: unknown) => write(template, (field) => textOf(field, valueAt(value, field.path)));
  if (columns === undefined) return { fields, line, table: null };
  const headings = write(template, ({ path }) => headingOf(path)).split('\t');
  const rows = (values: readonly unknown[]) => values.map((value) => line(value).split('\t'));
  return { fields, line, table: (values) => table(headings, rows(values)) };
}

/** Writes a value as one line of JSON that a terminal can show. */
export function jsonOf(value: unknown): string {
  return escaped(JSON.stringify(value));
}

function fieldsOf(template: Template): string[] | null {
  const names = template.flatMap((part) => (typeof part === 'string' ? [] : [part.path[0] ?? null]));
  return names.includes(null) ? null : [...new Set(names as string[])];
}

function write(template: Template, fieldText: (field: Field) => string): string {
  return template.map((part) => (typeof part === 'string' ? part : fieldText(part))).join('');
}

/** Writes the value of a field in a line: it has no line ends and no tabs. What is not there is empty. */
function textOf({ call, separator }: Field, value: unknown): string {
  if (call === 'json') return jsonOf(value ?? null);
  const text =
    call === 'join' && Array.isArray(value) ? value.map(wordOf).join(separator) : value == null ? '' : wordOf(value);
  const cased = call === 'upper' ? text.toUpperCase() : call === 'lower' ? text.toLowerCase() : text;
  return escaped(cased).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function wordOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function headingOf(path: readonly string[]): string {
  return path.join(' ').replaceAll('_', ' ').toUpperCase();
}
