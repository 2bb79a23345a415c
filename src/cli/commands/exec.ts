import { readFileSync } from 'node:fs';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { ExecInput } from '../../protocol/exec.js';
import { daemonCommand, wordsOfContainer } from '../command.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.js';
import { statusOfExit, statusOfFailedRun } from '../exit-codes.js';
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
      .example('$0 exec web -- cat /proc/self/status', ''),
  async (client, options) => {
    const { id, interactive, tty } = options;
    if (tty && interactive) requireTerminal();
    const size = tty ? terminalSize() : undefined;
    const request: ExecInput = {
      args: wordsOfContainer,
      tty,
      stdin: interactive,
      ...(size === undefined ? {} : { size }),
      ...(options.env === undefined ? {} : { env: variables('--env', options.env) }),
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
      ...(options.seccomp === undefined ? {} : { seccomp: readSeccomp(options.seccomp) }),
      capabilities: { add: options.capAdd ?? [], drop: options.capDrop ?? [] },
    };
    const session = await client.exec(id, request);
    const exit = await passThrough(session, { tty, stdin: interactive, detachKeys: NO_KEYS });
    return exit === null ? 0 : statusOfExit(exit);
  },
  statusOfFailedRun,
);

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
