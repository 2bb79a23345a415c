import { readFileSync } from 'node:fs';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { ExecInput } from '../../protocol/exec.js';
import { invalid } from '../../spec/problems.js';
import { daemonCommand, print, wordsOfContainer } from '../command.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.js';
import { EXIT, statusOfExit, statusOfFailedRun } from '../exit-codes.js';
import { variables } from '../options/environment.js';
import { passThrough, requireTerminal, terminalSize } from '../terminal.js';

const NO_KEYS = new Uint8Array();

export const exec = daemonCommand(
  'exec <id> [command..]',
  'Run another process in a container, and exit with its exit status',
  (yargs) =>
    yargs
      .positional('id', { type: 'string', demandOption: true, describe: 'the id of a running container' })
      .positional('command', { type: 'string', array: true, describe: 'the program and its arguments' })
      .option('detach', {
        alias: 'd',
        type: 'boolean',
        default: false,
        describe: 'run in the background, without input and output: print the id of the exec and return',
      })
      .option('interactive', {
        alias: 'i',
        type: 'boolean',
        default: false,
        describe: 'pass standard input to the process',
      })
      .option('tty', { alias: 't', type: 'boolean', default: false, describe: 'give the process a terminal' })
      .option('env', {
        alias: 'e',
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'NAME=VALUE: an environment variable',
      })
      .option('user', {
        alias: 'u',
        type: 'string',
        describe: "USER[:GROUP], as numbers or names (default: the container's)",
      })
      .option('workdir', { alias: 'w', type: 'string', describe: "the working directory (default: the container's)" })
      .option('cap-add', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'a capability to add to those of the container',
      })
      .option('cap-drop', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'a capability of the container that the process does not get',
      })
      .option('seccomp', {
        type: 'string',
        describe: 'the system call filter: default, unconfined, or a file with a profile',
      })
      .example('$0 exec -it web -- sh', 'a shell in a container')
      .example('$0 exec web -- cat /proc/self/status', '')
      .example("$0 exec -d web -- sh -c 'backup >/data/log 2>&1'", 'goes on alone; niwa events tells its end'),
  async (client, options) => {
    const { id, interactive, tty } = options;
    const request = {
      args: wordsOfContainer,
      ...(options.env === undefined ? {} : { env: variables('--env', options.env) }),
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
      ...(options.seccomp === undefined ? {} : { seccomp: readSeccomp(options.seccomp) }),
      capabilities: { add: options.capAdd ?? [], drop: options.capDrop ?? [] },
    };
    if (options.detach) {
      requireNoStreams(interactive, tty);
      const started = await client.execDetached(id, request);
      print(options.json, started, () => started.id);
      return EXIT.ok;
    }
    if (tty && interactive) requireTerminal();
    const size = tty ? terminalSize() : undefined;
    const session = await client.exec(id, { ...request, tty, stdin: interactive, ...(size ? { size } : {}) });
    const exit = await passThrough(session, { tty, stdin: interactive, detachKeys: NO_KEYS });
    return exit === null ? 0 : statusOfExit(exit);
  },
  statusOfFailedRun,
);

/** @throws NiwaError SPEC_INVALID */
function requireNoStreams(interactive: boolean, tty: boolean): void {
  const given = [...(interactive ? ['-i'] : []), ...(tty ? ['-t'] : [])].join(' and ');
  if (given === '') return;
  throw invalid('the command line', [
    { path: '-d', found: `with ${given}`, allowed: '-d alone: a detached exec has no input and no terminal' },
  ]);
}

function readSeccomp(choice: string): NonNullable<ExecInput['seccomp']> {
  if (choice === 'default' || choice === 'unconfined') return choice;
  try {
    return JSON.parse(readFileSync(choice, 'utf8')) as NonNullable<ExecInput['seccomp']>;
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `cannot read the seccomp profile ${choice}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

export const attach = daemonCommand(
  'attach <id>',
  'Show the new output of a container, write to its terminal or standard input, and exit with its exit status',
  (yargs) =>
    yargs
      .positional('id', { type: 'string', demandOption: true, describe: 'the id of a container' })
      .option('detach-keys', {
        type: 'string',
        default: DEFAULT_DETACH_KEYS,
        describe: 'the keys that leave a container with a terminal while it runs on; "" for none',
      })
      .option('stdin', {
        type: 'boolean',
        default: true,
        describe: 'pass standard input on; --no-stdin only shows the output',
      })
      .example('$0 attach shell', '')
      .example('$0 attach --no-stdin web', 'only looks'),
  async (client, { id, detachKeys, stdin: wanted }) => {
    const keys = parseDetachKeys(detachKeys);
    const { process } = (await client.inspect(id)).spec;
    const { tty } = process;
    const stdin = wanted && (tty || process.stdin);
    if (tty && stdin) requireTerminal();
    const exit = await passThrough(await client.attach(id, { stdin }), { tty, stdin, detachKeys: keys });
    return exit === null ? detached(id) : statusOfExit(exit);
  },
  statusOfFailedRun,
);

/** Prints that niwa has detached from a container that goes on. */
export function detached(id: string): number {
  process.stderr.write(`\r\nniwa: left ${id}, which goes on; \`niwa attach ${id}\` comes back\r\n`);
  return 0;
}
