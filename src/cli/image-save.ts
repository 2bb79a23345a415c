import { open as openFile, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, NiwaError } from '../protocol/errors.js';

/**
 * Writes a stream to a file, or to standard output. If it fails, the file does not stay half written.
 * @param file undefined or `-` for standard output
 * @param open gives the stream; called when it is known that it can be written
 * @throws NiwaError SPEC_INVALID where standard output is a terminal, HOST_ERROR; what `open` throws
 */
export async function saveTo(file: string | undefined, open: () => Promise<Readable>): Promise<void> {
  if (file === undefined || file === '-') {
    if (process.stdout.isTTY)
      throw new NiwaError('SPEC_INVALID', 'a tar is not for a terminal: name a file with -o, or use a pipe');
    await written(pipeline(await open(), process.stdout, { end: false }), 'standard output');
    return;
  }
  const source = await open();
  const handle = await openFile(file, 'w').catch((cause: unknown) => {
    source.destroy();
    throw new NiwaError('HOST_ERROR', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  });
  const isFile = (await handle.stat()).isFile(); // not a device or a FIFO
  try {
    await written(pipeline(source, handle.createWriteStream()), file);
  } catch (error) {
    if (isFile) await rm(file, { force: true }).catch(() => {});
    throw error;
  }
}

async function written(done: Promise<void>, where: string): Promise<void> {
  await done.catch((error: unknown) => {
    throw new NiwaError('HOST_ERROR', `the image is not written to ${where}: ${messageOf(error)}`, { cause: error });
  });
}
