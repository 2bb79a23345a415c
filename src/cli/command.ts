import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { NiwaClient } from '../client/client.js';
import { messageOf } from '../protocol/errors.js';
import { shortened } from '../spec/problems.js';
import { EXIT, statusOfError } from './exit-codes.js';
import { type Screen, screenOf } from './screen.js';
import { escaped } from './text.js';

/** The options of every command. */
export interface Common {
  socket: string;
  json: boolean;
}

/** A command with its options, of whatever types. */
export type AnyCommand = CommandModule<Common, never>;

/** The word by which a command is called. */
export function nameOf({ command }: AnyCommand): string {
  return String(command).split(' ')[0] ?? '';
}

/** The container's command from the command line, see command-line.ts. */
export const wordsOfContainer: string[] = [];

/**
 * Makes a command that talks to the daemon.
 * @param command the words in the form of yargs: "stop <id..>"
 * @param builder declares the options; their types are those of `args`
 * @param action gives the exit status; undefined means 0
 * @param statusOf gives the exit status for an error
 */
export function daemonCommand<O extends Common>(
  command: string,
  describe: string,
  builder: (yargs: Argv<Common>) => Argv<O>,
  action: (client: NiwaClient, args: ArgumentsCamelCase<O>) => Promise<number | undefined>,
  statusOf: (error: unknown) => number = statusOfError,
): CommandModule<Common, O> {
  return {
    command,
    describe,
    builder: (yargs) => withOneValueEach(builder(yargs)),
    handler: async (args) => {
      const client = new NiwaClient(args.socket);
      try {
        process.exitCode = (await action(client, args)) ?? EXIT.ok;
      } catch (error) {
        process.exitCode = fail(error, args.json, statusOf);
      } finally {
        client.close();
      }
    },
  };
}

/** The options and positional arguments of a command as yargs knows them; yargs's own types do not have this. */
export interface Declared {
  string: string[];
  boolean: string[];
  array: string[];
  alias: Record<string, string[]>;
  /** All names, those of aliases too. */
  key: Record<string, unknown>;
  default: Record<string, unknown>;
  choices: Record<string, readonly string[]>;
}

/** Gives the options and positional arguments that a command declares. */
export function declaredBy(yargs: Argv<never>): Declared {
  return (yargs as unknown as { getOptions(): Declared }).getOptions();
}

/**
 * Makes each option and positional argument of type string take exactly one word, even `-`, which yargs would otherwise
 * read as an option.
 */
export function withOneValueEach<O>(yargs: Argv<O>): Argv<O> {
  const { string, array } = declaredBy(yargs as Argv<never>);
  for (const name of string.filter((one) => !array.includes(one))) yargs.nargs(name, 1);
  return yargs;
}

/** The longest error message: an error may repeat a word of the command line, which may be very long. */
const MESSAGE_CHARACTERS = 4000;

/** Prints an error on standard error; gives the exit status. */
export function fail(error: unknown, json: boolean, statusOf: (error: unknown) => number): number {
  const { code, details } = error as { code?: string; details?: object };
  const message = messageOf(error);
  const text = json ? JSON.stringify({ code, message, ...details }) : `niwa: ${shortened(message, MESSAGE_CHARACTERS)}`;
  process.stderr.write(`${escaped(text)}\n`);
  return statusOf(error);
}

/** Prints the warnings about a container on standard error: settings that do not work as a user may expect. */
export function tellWarnings({ warnings }: { warnings: string[] }): void {
  for (const warning of warnings) process.stderr.write(`niwa: warning: ${escaped(warning)}\n`);
}

/** A text that looks different on different screens, such as a table. What a terminal would act on is not in it. */
interface Drawing {
  text(screen: Screen): string;
}

/** Prints a value as JSON, or as text or a table. */
export function print(json: boolean, value: unknown, words: () => string | Drawing): void {
  const shown = json ? JSON.stringify(value, null, 2) : words();
  const text = typeof shown === 'string' ? escaped(shown) : shown.text(screenOf(process.stdout));
  if (text !== '') process.stdout.write(`${text}\n`);
}

/** Prints values as a JSON array, each as soon as it comes. */
export async function printArray(values: AsyncIterable<unknown>): Promise<void> {
  let begun = false;
  for await (const value of values) {
    const text = escaped(JSON.stringify([value], null, 2));
    process.stdout.write(`${begun ? ',' : '['}${text.slice(1, -2)}`);
    begun = true;
  }
  process.stdout.write(begun ? '\n]\n' : '[]\n');
}

/** The positional argument of commands that take several containers. */
export function withIds(yargs: Argv<Common>) {
  return yargs.positional('id', { type: 'string', array: true, demandOption: true, describe: 'ids of containers' });
}

/** The options that select containers; a container must match all given options. */
export function withFilter(yargs: Argv<Common>) {
  return yargs
    .option('owner', { type: 'string', array: true, nargs: 1, default: [], describe: 'only containers of this owner' })
    .option('service', {
      type: 'string',
      array: true,
      nargs: 1,
      default: [],
      describe: 'only instances of this service',
    })
    .option('label', {
      alias: 'l',
      type: 'string',
      array: true,
      nargs: 1,
      default: [],
      describe: 'NAME=VALUE: only containers with this label; with several, containers that have all of them',
    });
}

/** The positional argument of commands that take one container. */
export function withId(yargs: Argv<Common>) {
  return yargs.positional('id', { type: 'string', demandOption: true, describe: 'the id of a container' });
}

/**
 * Runs an action for each container, one after another, and prints the id of each success. An error does not stop the
 * loop.
 * @returns 0, or the exit status of the last error
 */
export async function forEach(
  ids: string[],
  json: boolean,
  act: (id: string) => Promise<object | undefined>,
): Promise<number> {
  return await eachOf(ids, json, async (id) => {
    const result = await act(id);
    print(json, result ?? { id }, () => id);
  });
}

/**
 * Runs an action for each name, one after another. An error is printed, and does not stop the loop.
 * @returns 0, or the exit status of the last error
 */
export async function eachOf(
  names: readonly string[],
  json: boolean,
  act: (name: string) => Promise<void>,
): Promise<number> {
  let status: number = EXIT.ok;
  for (const name of names) {
    try {
      await act(name);
    } catch (error) {
      status = fail(error, json, statusOfError);
    }
  }
  return status;
}

/**
 * Asks the same of all names at once. Errors are printed when all have been answered, and hide no answer.
 * @returns the answers in the order of the names; `status` is 0, or the exit status of the last error
 */
export async function askAll<T>(
  names: readonly string[],
  json: boolean,
  ask: (name: string) => Promise<T>,
): Promise<{ answers: T[]; status: number }> {
  const asked = await Promise.allSettled(names.map(ask));
  const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const statuses = asked.flatMap((one) => (one.status === 'rejected' ? [fail(one.reason, json, statusOfError)] : []));
  return { answers, status: statuses.at(-1) ?? EXIT.ok };
}
