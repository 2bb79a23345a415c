import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { NiwaClient } from '../../client/client.js';
import { FILES_PROGRAM } from '../../kernel/programs.js';
import { NiwaError } from '../../protocol/errors.js';
import { daemonCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';

/** One side of a copy; `id` is null for the host. */
interface Place {
  id: string | null;
  path: string;
}

interface CopyOptions {
  archive: boolean;
  followLink: boolean;
}

export const cp = daemonCommand(
  'cp <from> <to>',
  'Copy files into or out of a container, running or created',
  (yargs) =>
    yargs
      .positional('from', { type: 'string', demandOption: true, describe: 'PATH, ID:PATH, or - for a tar' })
      .positional('to', { type: 'string', demandOption: true, describe: 'PATH, ID:PATH, or - for a tar' })
      .option('archive', { alias: 'a', type: 'boolean', default: false, describe: 'keep the owners of the files' })
      .option('follow-link', {
        alias: 'L',
        type: 'boolean',
        default: false,
        describe: 'copy what a link at the end of the path leads to',
      })
      .example('$0 cp site web:/srv', 'makes /srv/site, or copies to /srv if there is no such directory')
      .example('$0 cp site/. web:/srv', 'copies what is in site')
      .example('$0 cp web:/var/log/app.log .', '')
      .example('$0 cp web:/srv -', 'a tar on standard output'),
  async (client, { from, to, ...options }) => {
    const [source, target] = [placeOf(from), placeOf(to)];
    if (source.id !== null && target.id === null) await copyOut(client, source.id, source.path, target.path, options);
    else if (source.id === null && target.id !== null)
      await copyIn(client, source.path, target.id, target.path, options);
    else throw wrongPlaces(source);
    return EXIT.ok;
  },
);

/** Reads a word as Docker does: `ID:PATH`, but a word that begins with `/` or `.` is a path of the host. */
export function placeOf(word: string): Place {
  const [, id = null, path = word] = /^([A-Za-z0-9][A-Za-z0-9_.-]*):(.*)$/s.exec(word) ?? [];
  return id === null ? { id, path } : { id, path: path.startsWith('/') ? path : `/${path}` };
}

function wrongPlaces({ id }: Place): NiwaError {
  const words =
    id === null
      ? 'one of the two has to be ID:PATH, a path in a container'
      : 'one of the two has to be a path of the host. From one container to another: niwa cp ID:PATH - | niwa cp - ID:PATH';
  return new NiwaError('SPEC_INVALID', words);
}

/** The name that a copy of a path has in a directory; "." for what is in the path. */
export function nameOfCopy(path: string): string {
  const name = basename(path);
  return name === '' || name === '..' || path.endsWith('/.') ? '.' : name;
}

async function copyOut(client: NiwaClient, id: string, path: string, target: string, options: CopyOptions) {
  if (target === '-' && process.stdout.isTTY) throw noTerminal('output');
  const tar = await client.copyFrom(id, { path, ...(options.followLink ? { follow: true } : {}) });
  if (target === '-') return await pipeline(tar, process.stdout);
  await files(['unpack', ...(options.archive ? ['-a'] : []), '-p', target, nameOfCopy(path)], tar, null);
}

async function copyIn(client: NiwaClient, source: string, id: string, path: string, options: CopyOptions) {
  const owners = options.archive;
  if (source === '-') {
    if (process.stdin.isTTY) throw noTerminal('input');
    return await client.copyTo(id, process.stdin, { path, owners });
  }
  await files(['pack', ...(options.followLink ? ['-L'] : []), source], null, (tar) =>
    client.copyTo(id, tar, { path, name: nameOfCopy(source), owners }),
  );
}

/**
 * Runs niwa-files on the host, with our own rights.
 * @param input what it reads, or null
 * @param take is given what it writes, or null
 */
async function files(words: string[], input: Readable | null, take: ((tar: Readable) => Promise<void>) | null) {
  const child = spawn(FILES_PROGRAM, words, { stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'close') as Promise<[number | null]>;
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => {
    said += piece;
  });
  const moved = Promise.allSettled([
    input === null || child.stdin === null ? null : pipeline(input, child.stdin),
    take === null ? child.stdout?.resume() : take(child.stdout as Readable).finally(() => child.stdout?.destroy()),
  ]);
  const [code] = await exited;
  const failures = (await moved).filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown);
  const [, errno = '', text = ''] = /^(E[A-Z0-9]+) ([^\n]*)/.exec(said) ?? [];
  const ofDaemon = failures.find((one) => one instanceof NiwaError);
  if (text !== '' && errno !== 'EPIPE') throw new NiwaError('SPEC_INVALID', `on this host: ${text}`);
  if (ofDaemon !== undefined) throw ofDaemon;
  if (code !== 0) throw new NiwaError('HOST_ERROR', `${FILES_PROGRAM} has failed; try again`);
  if (failures.length > 0) throw failures[0];
}

function noTerminal(stream: string): NiwaError {
  return new NiwaError(
    'SPEC_INVALID',
    `a tar is no text for a terminal: standard ${stream} has to be a file or a pipe`,
  );
}
