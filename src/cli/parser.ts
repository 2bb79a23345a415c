import type { Argv } from 'yargs';
import yargs from 'yargs';
import { DEFAULT_SOCKET } from '../installation/defaults.js';
import { version as ownVersion } from '../installation/version.js';
import { NiwaError } from '../protocol/errors.js';
import { didYouMean } from '../spec/nearest.js';
import { show } from '../spec/problems.js';
import { type AnyCommand, type Common, declaredBy, nameOf, wordsOfContainer } from './command.js';
import { type Grammar, splitCommandLine } from './command-line.js';
import { IMAGE_COMMANDS } from './commands/image.js';
import { POOL_COMMANDS } from './commands/pool.js';
import { SERVICE_COMMANDS } from './commands/service.js';
import { VOLUME_COMMANDS } from './commands/volume.js';
import { complete } from './completion/complete.js';
import { COMPLETE } from './completion/scripts.js';
import { type DescribedCommand, type DescribedOption, describeCommands, describeOptions } from './described.js';
import { hintsFor } from './options/hints.js';
import { hintFor, inOwnWords } from './verbs.js';

/** The commands that have commands of their own. */
export const GROUPS: Record<string, AnyCommand[]> = {
  image: IMAGE_COMMANDS,
  service: SERVICE_COMMANDS,
  pool: POOL_COMMANDS,
  volume: VOLUME_COMMANDS,
};

const SOCKET = process.env.NIWA_SOCKET ?? DEFAULT_SOCKET;

/**
 * Runs the command of a command line.
 * @param argv without node and the script
 * @throws NiwaError SPEC_INVALID, or an Error of yargs, if the command line is wrong
 */
export async function runCommandLine(commands: AnyCommand[], argv: string[]): Promise<void> {
  if (argv[0] === COMPLETE) return await printCompletion(commands, argv.slice(1));
  const isKnown = (name: string) => commands.some((one) => nameOf(one) === name);
  const { own, words } = splitCommandLine(inOwnWords(argv, isKnown), grammarOf('', []), (name) =>
    grammarOfCommand(commands, name),
  );
  requireKnownCommand(own);
  wordsOfContainer.push(...words);
  const parser = commands.reduce((all, one) => all.command(one), withCommon(yargs(own)));
  await parser
    .demandCommand(1, 'Name a command.')
    .strict()
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .version(ownVersion)
    .alias('help', 'h')
    .fail((message, error) => {
      throw error ?? new Error(inFormOf(message, own, commands));
    })
    .parseAsync();
}

/**
 * Refuses an unknown command of a group, or none. Yargs would blame the word after it.
 * @param own the words of niwa's own part, each option in one word
 * @throws NiwaError SPEC_INVALID
 */
function requireKnownCommand(own: readonly string[]): void {
  const [name = '', command] = own.filter((word) => !word.startsWith('-'));
  const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (group === undefined || own.some((word) => word === '--help' || word === '--version')) return;
  const known = group.map(nameOf).join(', ');
  if (command === undefined) throw new NiwaError('SPEC_INVALID', `niwa ${name} needs a command; it has ${known}`);
  if (group.some((one) => isCalled(one, command))) return;
  const hint = hintFor(`${name} ${command}`);
  throw new NiwaError(
    'SPEC_INVALID',
    `niwa ${name} has no command ${show(command)}${hint === undefined ? didYouMean(command, namesIn(group)) : ` (${hint})`}; it has ${known}`,
  );
}

/** Gives the words by which commands are called, with their aliases. */
function namesIn(commands: readonly AnyCommand[]): string[] {
  return commands.flatMap((one) => [nameOf(one), ...aliasesOf(one)]);
}

function isCalled(command: AnyCommand, word: string | undefined): boolean {
  return word !== undefined && (nameOf(command) === word || aliasesOf(command).includes(word));
}

function aliasesOf({ aliases = [] }: AnyCommand): readonly string[] {
  return typeof aliases === 'string' ? [aliases] : aliases;
}

/** Gives the words that show the help of what a command line names: `niwa run --help`, `niwa service apply --help`. */
export function helpFor(argv: readonly string[], commands: readonly AnyCommand[]): string {
  return ['niwa', ...namedBy(argv, commands).map(nameOf), '--help'].join(' ');
}

/** Gives the command that a command line names, with its group before it; none where it names no command. */
function namedBy(argv: readonly string[], commands: readonly AnyCommand[]): AnyCommand[] {
  const [name, next] = argv.filter((word) => !word.startsWith('-'));
  const first = commands.find((one) => isCalled(one, name));
  if (first === undefined) return [];
  const second = (GROUPS[nameOf(first)] ?? []).find((one) => isCalled(one, next));
  return second === undefined ? [first] : [first, second];
}

/** Says an error of yargs about the number of words with the form of the command. Gives others as they are. */
function inFormOf(message: string, own: readonly string[], commands: readonly AnyCommand[]): string {
  const named = namedBy(own, commands);
  const last = named.at(-1);
  if (last === undefined) return message;
  const form = ['niwa', ...named.slice(0, -1).map(nameOf), last.command].join(' ');
  const [, tooMany] = /^Unknown arguments?: (.*)$/s.exec(message) ?? [];
  if (tooMany !== undefined) return `too many words (${tooMany}): ${form}`;
  return message.startsWith('Not enough non-option') ? `a word is missing: ${form}` : message;
}

/** Describes the whole command line: all commands, and the options that each of them has. */
export function describeAll(commands: readonly AnyCommand[]): {
  commands: DescribedCommand[];
  global: DescribedOption[];
} {
  const global = describeOptions(withCommon(yargs()) as Argv<never>);
  return { commands: describeCommands(commands, GROUPS), global };
}

async function printCompletion(commands: readonly AnyCommand[], words: readonly string[]): Promise<void> {
  const described = describeAll(commands);
  const lines = await complete(words, described.commands, described.global, SOCKET);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function withCommon(parser: Argv): Argv<Common> {
  return parser
    .scriptName('niwa')
    .usage('$0 <command>\n\nThe command line of niwad, the container daemon.')
    .option('socket', {
      type: 'string',
      nargs: 1,
      default: SOCKET,
      describe: 'the socket of niwad; the variable NIWA_SOCKET sets it, too',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print JSON instead of text' });
}

function grammarOfCommand(commands: AnyCommand[], name: string): Grammar | undefined {
  const found = commands.filter((one) => isCalled(one, name));
  if (found.length === 0) return requireNoCommand(name, commands);
  return grammarOf(name, GROUPS[name] ?? found);
}

/** Refuses a word that is no command. @throws NiwaError SPEC_INVALID */
function requireNoCommand(name: string, commands: readonly AnyCommand[]): undefined {
  if (name === '') return undefined;
  throw new NiwaError('SPEC_INVALID', `niwa has no command ${show(name)}${didYouMean(name, namesIn(commands))}`);
}

/** The grammar of commands: their options, without positional arguments, and where the container's command begins. */
function grammarOf(name: string, commands: AnyCommand[]): Grammar {
  const parser = withCommon(yargs()).alias('help', 'h');
  for (const { builder } of commands) if (typeof builder === 'function') builder(parser);
  const { string, boolean, array, alias } = declaredBy(parser as Argv<never>);
  const positionals = commands.flatMap(({ command }) => String(command).match(/(?<=[<[])[a-z]+/g) ?? []);
  const entries = [...string, ...boolean]
    .filter((name) => !positionals.includes(name))
    .map((name) => {
      const short = alias[name]?.find((one) => one.length === 1);
      const type = string.includes(name) ? ('string' as const) : ('boolean' as const);
      return [name, { type, multiple: array.includes(name), ...(short === undefined ? {} : { short }) }] as const;
    });
  const words = positionals.indexOf('command');
  const makesSpecs = string.includes('publish');
  return {
    options: Object.fromEntries(entries),
    wordsBehind: words < 0 ? null : words,
    hints: hintsFor(name, makesSpecs),
  };
}
