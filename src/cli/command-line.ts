import { parseArgs } from 'node:util';
import { NiwaError } from '../protocol/errors.js';
import { didYouMean } from '../spec/nearest.js';
import { show } from '../spec/problems.js';

/** The grammar of a command. It decides where niwa's own part of a command line ends. */
export interface Grammar {
  options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: boolean }>;
  /**
   * The number of niwa's own positional words after which the container's command begins at the latest; null if the
   * command takes no container's command.
   */
  wordsBehind: number | null;
  /** For options of other container programs, what to write for niwa. */
  hints: Readonly<Record<string, string>>;
}

/** A command line in two parts: `own` for yargs, and the container's command, in any form. */
export interface CommandLine {
  own: string[];
  words: string[];
}

type Token = NonNullable<ReturnType<typeof tokensOf>>[number];

/**
 * Splits a command line into niwa's own part and the container's command. Options of niwa are read like getopt(3) does:
 * an option with a value takes the next word, even if that begins with a dash. In `own`, each option is one word, with
 * its long name and its value (`--env=A=1`); if an option may be given only once, the last one counts. Options may
 * stand anywhere. But if the command takes a container's command, niwa's part ends before the first word of that.
 * @param argv without node and the script
 * @param global the options that may stand before the command
 * @param grammarOf gives the grammar of a command, with the global options; undefined if there is no such command
 * @throws NiwaError SPEC_INVALID if an option stands where it would count as part of the container's command
 */
export function splitCommandLine(
  argv: string[],
  global: Grammar,
  grammarOf: (command: string) => Grammar | undefined,
): CommandLine {
  const at = tokensOf(argv, global).find(({ kind }) => kind === 'positional')?.index ?? argv.length;
  const [command = '', ...rest] = argv.slice(at);
  const grammar = grammarOf(command);
  if (grammar === undefined) return { own: argv, words: [] };
  const before = argv.slice(0, at);
  const { own, words } = splitWords(rest, grammar);
  return { own: [...written(before, global), command, ...written(own, grammar)], words };
}

function splitWords(args: string[], grammar: Grammar): CommandLine {
  const end = endOfOwn(args, grammar);
  const [own, words] = [args.slice(0, end), args.slice(end)];
  const [first] = words;
  if (first === '--') return { own, words: words.slice(1) };
  if (first?.startsWith('-'))
    throw new NiwaError(
      'SPEC_INVALID',
      `${show(first)} would be the command: options of niwa stand before ${own.at(-1)}, a program of that name behind --`,
    );
  return { own, words };
}

function endOfOwn(args: string[], grammar: Grammar): number {
  const { wordsBehind } = grammar;
  let positionals = 0;
  for (const { kind, index } of wordsBehind === null ? [] : tokensOf(args, grammar)) {
    if (kind === 'option-terminator' || (kind === 'positional' && wordsBehind === 0)) return index;
    if (kind === 'positional' && ++positionals === wordsBehind) return index + 1;
  }
  return args.length;
}

function tokensOf(args: string[], { options }: Grammar) {
  return parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/**
 * Writes niwa's own words in one form, one word for each option.
 * @throws NiwaError SPEC_INVALID for an option that is not in the grammar
 */
function written(args: string[], grammar: Grammar): string[] {
  const { options } = grammar;
  const tokens = tokensOf(args, grammar);
  const comesAgain = (name: string, at: number) =>
    tokens.some((token) => token.kind === 'option' && token.name === name && token.index > at);
  return tokens.flatMap((token) => {
    if (token.kind === 'option-terminator') return [];
    if (token.kind === 'positional') return [requireNoDash(token.value)];
    const { name, rawName, index } = token;
    const option = own(options, name) ?? own(options, name.replace(/^no-/, ''));
    if (option === undefined) throw unknownOption(name, rawName, grammar);
    if (option.type === 'string' && !option.multiple && comesAgain(name, index)) return [];
    return [token.value === undefined ? `--${name}` : `--${name}=${textOf(token)}`];
  });
}

function unknownOption(name: string, rawName: string, { options, hints }: Grammar): NiwaError {
  const hint = own(hints, name);
  if (hint !== undefined) return new NiwaError('SPEC_INVALID', `niwa has no option ${rawName}: ${hint}`);
  const rest = didYouMean(name, Object.keys(options), '--') || '; the options of a command come after its name';
  return new NiwaError('SPEC_INVALID', `there is no option ${show(rawName)} at this place${rest}`);
}

/** Refuses a word with a dash that was given after `--`: yargs would read it as an option. */
function requireNoDash(word: string): string {
  if (!/^-./.test(word)) return word;
  throw new NiwaError(
    'SPEC_INVALID',
    `${show(word)} cannot stand here, because it begins with a dash; for a path, write ./ before it`,
  );
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * The value of an option. For a short option as in `-n=3`, the leading "=" is removed, so that the value is 3 as with
 * `--tail=3`.
 */
function textOf({ rawName, value, inlineValue }: Extract<Token, { kind: 'option' }>): string {
  return inlineValue === true && !rawName.startsWith('--') ? String(value).replace(/^=/, '') : String(value);
}
