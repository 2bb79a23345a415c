import type { Readable } from 'node:stream';
import { type ErrorBody, type ErrorDetails, NiwaError } from '../protocol/errors.js';
import type { ImportProgress } from '../protocol/images.js';
import type { Transport } from './transport.js';

/**
 * Sends the tar of an image; gives the daemon's progress messages until the image is stored.
 * @param name the name of the image, in place of the names in the tar
 * @throws NiwaError the errors of the daemon
 */
export async function* importImage(http: Transport, tar: Readable, name?: string): AsyncGenerator<ImportProgress> {
  const query = name === undefined ? '' : `?${new URLSearchParams({ name })}`;
  const response = await http.upload(`/v1/images${query}`, tar);
  try {
    for await (const line of http.linesOf<ImportProgress | ({ type: 'error' } & ErrorBody)>(response)) {
      if (line.type === 'error') throw new NiwaError(line.code, line.message, { details: detailsOf(line) });
      yield line;
    }
  } finally {
    tar.destroy();
  }
}

function detailsOf({ problems, step }: ErrorBody): ErrorDetails {
  return { ...(problems === undefined ? {} : { problems }), ...(step === undefined ? {} : { step }) };
}
