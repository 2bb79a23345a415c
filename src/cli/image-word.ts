import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NiwaClient } from '../client/client.js';
import { quoted } from '../plan/ops.js';
import { NiwaError } from '../protocol/errors.js';
import { REFERENCE_PATTERN } from '../protocol/images.js';
import type { SpecInput } from '../protocol/spec.js';
import { show } from '../spec/problems.js';
import { parseReference } from '../spec/reference.js';
import { wordsOfContainer } from './command.js';
import { EXIT, statusOfFailedRun } from './exit-codes.js';

/** The directories of programs where the spec sets no PATH. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Refuses an image as the first word of the container's command, as `docker run IMAGE` has it, and says what to type.
 * Only where the root is that of the host, and has no such program.
 * @throws NiwaError SPEC_INVALID
 */
export async function refuseImageWord(client: NiwaClient, spec: SpecInput): Promise<void> {
  const [word, ...rest] = wordsOfContainer;
  if (word === undefined || !mayBeImage(word, spec)) return;
  const images = await client.images().catch(() => []);
  const isHere = images.some(({ name }) => name === parseReference(word));
  if (!isHere && !/[:/]/.test(word)) return;
  const line = `${isHere ? '' : pullOf(word)}${lineWith(word, rest, process.argv.slice(2))}`;
  throw new NiwaError('SPEC_INVALID', `the host has no program ${show(word)}; if it is an image: ${line}`);
}

/**
 * Adds what to type to the error of a start, where the program is not there and its name may be that of an image, such
 * as `nginx`. Gives other errors as they are.
 */
export function withImageLine(error: unknown, spec: SpecInput): unknown {
  const [word, ...rest] = wordsOfContainer;
  const isNotThere = error instanceof NiwaError && statusOfFailedRun(error) === EXIT.notFound;
  if (!isNotThere || word === undefined || !mayBeImage(word, spec)) return error;
  const line = `${pullOf(word)}${lineWith(word, rest, process.argv.slice(2))}`;
  return new NiwaError(error.code, `${error.message}; if ${show(word)} is an image: ${line}`, {
    details: error.details,
    cause: error,
  });
}

function pullOf(image: string): string {
  return `niwa image pull ${image} && `;
}

function mayBeImage(word: string, spec: SpecInput): boolean {
  if (/^[/.]/.test(word) || !usesHostRoot(spec) || isProgram(word, spec)) return false;
  return new RegExp(REFERENCE_PATTERN).test(word);
}

/**
 * Writes a command line again, with the image in its option.
 * @param rest the words of the container behind the image
 * @param argv the command line, which ends with the image and these words
 */
export function lineWith(image: string, rest: readonly string[], argv: readonly string[]): string {
  const own = argv.slice(0, argv.length - rest.length - 1);
  if (own.at(-1) === '--') own.pop();
  const words = ['niwa', ...own, '--image', image, ...(rest.length === 0 ? [] : ['--', ...rest])];
  return words.map(quoted).join(' ');
}

function usesHostRoot({ root, namespaces }: SpecInput): boolean {
  const { path = '/', file, image } = root ?? {};
  return path === '/' && file === undefined && image === undefined && (namespaces?.mount ?? 'new') === 'new';
}

function isProgram(word: string, { process: { env, cwd = '/' } = {} }: SpecInput): boolean {
  const directories = word.includes('/') ? [cwd] : (env?.PATH ?? USUAL_PATH).split(':');
  return directories.some((directory) => isExecutable(resolve('/', directory, word)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
