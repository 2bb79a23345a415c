import type { DescribedCommand, DescribedExample, DescribedOption } from './described.js';

/**
 * Man pages in the macros of man(7), from the declarations from which the help comes.
 */

/** What all pages have. */
export interface Edition {
  version: string;
  /** As in "2026-11-27". */
  date: string;
}

/** What a page of a program tells beside its options. */
export interface Program {
  name: string;
  section: number;
  title: string;
  synopsis: string;
  words: readonly string[];
  options: readonly DescribedOption[];
  examples: readonly DescribedExample[];
  /** Further sections: headings, and their paragraphs or tagged lines. */
  sections: readonly { heading: string; entries: readonly (string | readonly [tag: string, text: string])[] }[];
  seeAlso: readonly string[];
}

/** Makes the page of a program. */
export function programPage(program: Program, edition: Edition): string {
  const { name, section, title, synopsis, words, options, examples, sections, seeAlso } = program;
  return page([
    heading(name, section, edition),
    '.SH NAME',
    text(`${name} - ${title}`),
    '.SH SYNOPSIS',
    `.B ${name}`,
    text(synopsis),
    '.SH DESCRIPTION',
    ...words.flatMap((paragraph) => ['.PP', text(paragraph)]),
    ...sections.flatMap(({ heading: own, entries }) => [
      `.SH ${text(own.toUpperCase())}`,
      ...entries.flatMap((entry) =>
        typeof entry === 'string' ? ['.PP', text(entry)] : ['.TP', `.B ${text(entry[0])}`, text(entry[1])],
      ),
    ]),
    ...optionLines(options, '.SH OPTIONS'),
    ...exampleLines(examples, '.SH EXAMPLES'),
    '.SH SEE ALSO',
    text(seeAlso.join(', ')),
  ]);
}

/** Makes the page of a command, "niwa-run" of section 1; that of a group has all commands of the group. */
export function commandPage(command: DescribedCommand, global: readonly DescribedOption[], edition: Edition): string {
  const { name, describe, commands } = command;
  return page([
    heading(`niwa-${name}`, 1, edition),
    '.SH NAME',
    text(`niwa-${name} - ${describe}`),
    '.SH SYNOPSIS',
    ...(commands.length === 0
      ? synopsisLines('niwa', command)
      : commands.flatMap((one) => [...synopsisLines(`niwa ${name}`, one), '.br'])),
    ...(commands.length === 0 ? bodyLines(command, '.SH') : commands.flatMap((one) => groupLines(name, one))),
    ...optionLines(global, '.SH OPTIONS OF EVERY COMMAND'),
    '.SH SEE ALSO',
    '.BR niwa (1),',
    '.BR niwad (8)',
  ]);
}

function groupLines(group: string, command: DescribedCommand): string[] {
  const others = command.aliases.length === 0 ? '' : ` (also ${command.aliases.join(', ')})`;
  return [
    `.SH ${text(`niwa ${group} ${command.name}`.toUpperCase())}`,
    text(`${command.describe}${others}.`),
    ...bodyLines(command, '.SS'),
  ];
}

function bodyLines({ describe, aliases, positionals, options, examples }: DescribedCommand, level: string): string[] {
  const also = aliases.length === 0 ? '' : ` The same as ${aliases.map((one) => `niwa ${one}`).join(', ')}.`;
  return [
    ...(level === '.SH' ? ['.SH DESCRIPTION', text(`${describe}.${also}`)] : []),
    ...positionals.flatMap((one) => ['.TP', `.I ${text(one.name)}`, text(one.describe)]),
    ...optionLines(options, `${level} ${level === '.SH' ? 'OPTIONS' : 'Options'}`),
    ...exampleLines(examples, `${level} ${level === '.SH' ? 'EXAMPLES' : 'Examples'}`),
  ];
}

function synopsisLines(before: string, { usage, options }: DescribedCommand): string[] {
  const [name = '', ...words] = usage.split(' ');
  const rest = words.map((word) => word.replaceAll(/[<>]/g, '').replaceAll('..', ' ...'));
  return [`.B ${text(`${before} ${name}`)}`, text([...(options.length > 0 ? ['[options]'] : []), ...rest].join(' '))];
}

function optionLines(options: readonly DescribedOption[], level: string): string[] {
  if (options.length === 0) return [];
  const sorted = [...options].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    level,
    ...sorted.flatMap(({ name, short, takesValue, mayRepeat, describe, byDefault, choices }) => [
      '.TP',
      `${short === null ? '' : `\\fB\\-${short}\\fR, `}\\fB\\-\\-${text(name)}\\fR${takesValue ? ' \\fIVALUE\\fR' : ''}`,
      text(
        [
          describe,
          choices.length > 0 ? `One of ${choices.join(', ')}.` : '',
          byDefault === null ? '' : `Default: ${byDefault}.`,
          mayRepeat ? 'May be given several times.' : '',
        ]
          .filter((part) => part !== '')
          .join('. ')
          .replaceAll('..', '.'),
      ),
    ]),
  ];
}

function exampleLines(examples: readonly DescribedExample[], level: string): string[] {
  if (examples.length === 0) return [];
  return [
    level,
    ...examples.flatMap(({ line, describe }) => [
      '.PP',
      '.nf',
      `    ${text(line)}`,
      '.fi',
      ...(describe === '' ? [] : ['.RS', text(describe), '.RE']),
    ]),
  ];
}

function heading(name: string, section: number, { version, date }: Edition): string {
  return `.TH ${name.toUpperCase()} ${section} ${date} "niwa ${version}"`;
}

/** Writes text so that roff takes none of it for a request or an escape, see groff(7). */
function text(plain: string): string {
  const safe = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/\s*\n\s*/g, ' ');
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
