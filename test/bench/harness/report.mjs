// @ts-check
// The rows of a run as Markdown, and their place in a document. Pure.

/** @typedef {import('./statistics.mjs').Summary} Summary */

/**
 * One line of the table.
 * @typedef {object} Row
 * @property {string} family the file in rows/ that made it
 * @property {string} what was measured
 * @property {string} subject niwa, or the peer
 * @property {string} unit of the figures
 * @property {Summary | null} measured null where it cannot be measured here
 * @property {string} floor what it is compared with, '' for nothing
 * @property {Summary | null} floorMeasured in the same run, taking turns
 * @property {number | null} ratio of the medians, measured to floor
 * @property {string} goal in words, '' where there is none
 * @property {boolean | null} met null where there is no goal, or it was not measured
 * @property {string} note
 */

/**
 * What a row is made of: the rest follows.
 * @typedef {Pick<Row, 'what' | 'unit'> & Partial<Pick<Row, 'subject' | 'measured' | 'floor' | 'floorMeasured' |
 * 'note'>>
 *   & { ratioAtMost?: number, ratioAtLeast?: number, medianAtMost?: number, goal?: string, met?: boolean }} RowInput
 */

/**
 * Makes a row: its ratio, and whether its goal is met.
 * @param {string} family
 * @param {RowInput} input
 * @returns {Row}
 */
export function makeRow(family, input) {
  const { what, unit, subject = 'niwa', measured = null, floor = '', floorMeasured = null, note = '' } = input;
  const ratio = measured === null || floorMeasured === null ? null : measured.median / floorMeasured.median;
  return { family, what, subject, unit, measured, floor, floorMeasured, ratio, ...judge(input, measured, ratio), note };
}

/**
 * @param {RowInput} input
 * @param {Summary | null} measured
 * @param {number | null} ratio
 * @returns {{ goal: string, met: boolean | null }}
 */
function judge({ ratioAtMost, ratioAtLeast, medianAtMost, goal = '', met, unit }, measured, ratio) {
  if (ratioAtMost !== undefined)
    return { goal: `at most ${ratioAtMost} x`, met: ratio === null ? null : ratio <= ratioAtMost };
  if (ratioAtLeast !== undefined)
    return { goal: `at least ${ratioAtLeast} x`, met: ratio === null ? null : ratio >= ratioAtLeast };
  if (medianAtMost !== undefined)
    return { goal: `at most ${medianAtMost} ${unit}`, met: measured === null ? null : measured.median <= medianAtMost };
  return { goal, met: met ?? null };
}

/**
 * Writes rows as a Markdown table.
 * @param {readonly Row[]} rows
 * @returns {string}
 */
export function toTable(rows) {
  const head = [
    'what',
    'who',
    'unit',
    'n',
    'median',
    'p95',
    'p99',
    'floor',
    'its median',
    'ratio',
    'goal',
    'met',
    'note',
  ];
  const lines = rows.map(({ what, subject, unit, measured, floor, floorMeasured, ratio, goal, met, note }) => [
    what,
    subject,
    unit,
    String(measured?.n ?? '-'),
    figure(measured?.median),
    figure(measured?.p95),
    figure(measured?.p99),
    floor,
    figure(floorMeasured?.median),
    ratio === null ? '-' : ratio.toFixed(2),
    goal,
    met === null ? '' : met ? 'yes' : 'no',
    note,
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

/**
 * Writes a whole report.
 * @param {Record<string, string>} conditions under which it was measured
 * @param {readonly Row[]} rows
 * @returns {string}
 */
export function toMarkdown(conditions, rows) {
  const facts = Object.entries(conditions).map(([name, value]) => `- ${name}: ${value}`);
  return `${facts.join('\n')}\n\n${toTable(rows)}\n`;
}

export const BEGIN = '<!-- npm run bench -- --write-docs: begin -->';
export const END = '<!-- npm run bench -- --write-docs: end -->';

/**
 * Puts a report between the two marks of a document.
 * @param {string} document
 * @param {string} report
 * @returns {string}
 * @throws {Error} where the marks are missing
 */
export function intoDocument(document, report) {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the document lacks the marks ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${report}${document.slice(end)}`;
}

/** @param {number | undefined} value */
function figure(value) {
  if (value === undefined) return '-';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
