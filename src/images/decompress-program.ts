import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { takeAwayOfNiwad } from '../host/own-limits.js';
import { NiwaError } from '../protocol/errors.js';

/**
 * Programs that decompress their standard input. An xz file says how much memory it needs, up to 4 GiB; one made by
 * `xz -9` needs 65 MiB.
 */
const PROGRAMS = {
  xz: { args: ['--decompress', '--stdout', '--memlimit-decompress=128MiB'], debian: 'xz-utils' },
  bzip2: { args: ['--decompress', '--stdout'], debian: 'bzip2' },
};

/** The user of the program. A stranger has made the file, so the program that reads it must not run as root. */
const NOBODY = { uid: 65534, gid: 65534 };
const MAX_TOLD_CHARACTERS = 200;

/**
 * Decompresses a file by a program of the host.
 * @throws NiwaError IMAGE_INVALID where the program refuses the file, HOST_ERROR where the program is missing; what the
 * source throws
 */
export async function* decompressedBy(
  program: keyof typeof PROGRAMS,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { args, debian } = PROGRAMS[program];
  const child = spawn(program, args, { ...NOBODY, cwd: '/', env: { PATH: process.env.PATH }, stdio: 'pipe' });
  if (child.pid !== undefined) takeAwayOfNiwad(child.pid);
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  // where the program cannot be started, the wait for "spawn" below fails, and its error is reported
  closed.catch(() => {});
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(0, MAX_TOLD_CHARACTERS)));
  await once(child, 'spawn').catch((error: unknown) => {
    const cure = `install it (Debian: ${debian}), or decompress the image before`;
    throw new NiwaError('HOST_ERROR', `the image is compressed by ${program}, which cannot be started: ${cure}`, {
      cause: error,
    });
  });
  const readable = Readable.from(source, { objectMode: false });
  const fed = pipeline(readable, child.stdin).catch((error: NodeJS.ErrnoException) => error);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code, signal] = await closed;
    if (readable.errored !== null) throw readable.errored;
    if (code === 0) return;
    throw new NiwaError(
      'IMAGE_INVALID',
      `the image cannot be decompressed: ${told.trim() || (signal ?? `${program} ${code}`)}`,
    );
  } finally {
    child.kill('SIGKILL');
    readable.destroy();
    child.stdout.destroy();
    await Promise.allSettled([fed, closed]);
  }
}
