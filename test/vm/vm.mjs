#!/usr/bin/env node
// @ts-check
// The command line of the virtual machine: node test/vm/vm.mjs [--timeout SECONDS] [--] [COMMAND ...]

import { setup } from '../setup.mjs';
import { runInVm } from './machine.mjs';

const USAGE = `usage: node test/vm/vm.mjs [--timeout SECONDS] [--] [COMMAND ...]
       npm run vm -- [--timeout SECONDS] [--] [COMMAND ...]

Runs COMMAND as root in a throwaway virtual machine, in the project's folder, and exits with its status.
One argument is a line for sh; several are the command and its arguments, passed on as they are.
Without COMMAND: a shell on this terminal.

  --timeout SECONDS   end the machine after that time, with status 124 (default: never)`;

const USAGE_ERROR = 2;
const FAILED = 125;

/**
 * @param {string[]} args
 * @returns {{ help?: boolean, timeoutSeconds?: number, words: string[] }}
 */
function parse([first, ...rest]) {
  if (first === undefined) return { words: [] };
  if (first === '--') return { words: rest };
  if (first === '--help') return { help: true, words: [] };
  if (first === '--timeout') return { timeoutSeconds: seconds(rest[0]), ...parse(rest.slice(1)) };
  if (first.startsWith('-')) throw new UsageError(`unknown option ${first}`);
  return { words: [first, ...rest] };
}

/** @type {(text: string | undefined) => number} */
function seconds(text) {
  if (!(Number(text) > 0)) throw new UsageError(`--timeout needs a number of seconds, not ${text ?? 'nothing'}`);
  return Number(text);
}

class UsageError extends Error {}

/** @type {() => AbortSignal} */
function interruptions() {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => controller.abort(name));
  process.stdout.on('error', () => controller.abort('SIGPIPE'));
  return controller.signal;
}

/**
 * @param {string[]} args
 * @returns {Promise<number>}
 */
async function main(args) {
  const { help, timeoutSeconds, words } = parse(args);
  if (help) {
    console.log(USAGE);
    return 0;
  }
  if (words.length === 0 && !process.stdin.isTTY) throw new UsageError('no COMMAND, and no terminal for a shell');
  await setup({ vm: true });
  return runInVm(words.length > 1 ? words : words[0], { timeoutSeconds, signal: interruptions() });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`vm: ${error instanceof Error ? error.message : error}`);
  if (error instanceof UsageError) console.error(USAGE);
  process.exitCode = error instanceof UsageError ? USAGE_ERROR : FAILED;
}
