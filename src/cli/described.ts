import type { Argv } from 'yargs';
import yargs from 'yargs';
import { type AnyCommand, declaredBy, nameOf } from './command.js';

/**
 * The command line as data: what the help, the completion of the shell and the man pages tell comes from the same
 * declarations.
 */

export interface DescribedOption {
  name: string;
  /** Its letter, or null. */
  short: string | null;
  takesValue: boolean;
  mayRepeat: boolean;
  describe: string;
  /** Its value where it is not given, as text; null for none, and for a flag. */
  byDefault: string | null;
  choices: readonly string[];
}

export interface DescribedPositional {
  name: string;
  isRequired: boolean;
  isSeveral: boolean;
  describe: string;
  choices: readonly string[];
}

export interface DescribedExample {
  line: string;
  describe: string;
}

export interface DescribedCommand {
  name: string;
  aliases: readonly string[];
  /** The words behind `niwa`, as in "stop <id..>". */
  usage: string;
  describe: string;
  positionals: readonly DescribedPositional[];
  options: readonly DescribedOption[];
  examples: readonly DescribedExample[];
  /** Its own commands; empty for a command that has none. */
  commands: readonly DescribedCommand[];
}

/**
 * Describes commands.
 * @param groups the commands of those that have some of their own
 */
export function describeCommands(
  commands: readonly AnyCommand[],
  groups: Readonly<Record<string, readonly AnyCommand[]>>,
): DescribedCommand[] {
  return commands.map((command) => {
    const own = Object.hasOwn(groups, nameOf(command)) ? (groups[nameOf(command)] ?? []) : [];
    return describeCommand(command, describeCommands(own, {}));
  });
}

/** Describes the options that a parser of yargs has, without those in `leftOut`. */
export function describeOptions(parser: Argv<never>, leftOut: readonly string[] = []): DescribedOption[] {
  const declared = declaredBy(parser);
  const words = descriptionsOf(parser);
  const names = Object.keys(declared.key).filter((name) => name in words && !leftOut.includes(name));
  return names.map((name) => ({
    name,
    short: declared.alias[name]?.find((one) => one.length === 1) ?? null,
    takesValue: !declared.boolean.includes(name),
    mayRepeat: declared.array.includes(name),
    describe: words[name] ?? '',
    byDefault: textOfDefault(declared.default[name]),
    choices: declared.choices[name] ?? [],
  }));
}

/**
 * Calls a function that declares examples, and gives them.
 * @param declare gets a parser of yargs
 * @param name of the program, for $0
 */
export function describeExamples(declare: (parser: Argv) => unknown, name: string): DescribedExample[] {
  const parser = yargs().help(false).version(false);
  const examples: DescribedExample[] = [];
  Object.assign(parser, {
    example(line: string, describe: string) {
      examples.push({ line: line.replaceAll('$0', name), describe });
      return parser;
    },
  });
  declare(parser);
  return examples;
}

function describeCommand(command: AnyCommand, commands: DescribedCommand[]): DescribedCommand {
  const parser = yargs().help(false).version(false);
  const declare = (to: Argv) => typeof command.builder === 'function' && command.builder(to as never);
  declare(parser);
  const usage = String(command.command);
  const words = descriptionsOf(parser as Argv<never>);
  const { choices } = declaredBy(parser as Argv<never>);
  const positionals = [...usage.matchAll(/([<[])([a-z]+)(\.\.)?[>\]]/g)].map(([, bracket, name = '', dots]) => ({
    name,
    isRequired: bracket === '<',
    isSeveral: dots !== undefined,
    describe: words[name] ?? '',
    choices: choices[name] ?? [],
  }));
  const { aliases = [] } = command;
  return {
    name: nameOf(command),
    aliases: typeof aliases === 'string' ? [aliases] : aliases,
    usage,
    describe: command.describe || '',
    positionals,
    options: describeOptions(
      parser as Argv<never>,
      positionals.map(({ name }) => name),
    ),
    examples: describeExamples(declare, 'niwa'),
    commands,
  };
}

/** The descriptions of options and positional arguments by name; yargs's own types do not have them. */
function descriptionsOf(parser: Argv<never>): Record<string, string | undefined> {
  const { getInternalMethods } = parser as unknown as {
    getInternalMethods(): { getUsageInstance(): { getDescriptions(): Record<string, string | undefined> } };
  };
  return getInternalMethods.call(parser).getUsageInstance().getDescriptions();
}

function textOfDefault(value: unknown): string | null {
  const isSilent = value === undefined || typeof value === 'boolean' || (Array.isArray(value) && value.length === 0);
  return isSilent ? null : String(value);
}
