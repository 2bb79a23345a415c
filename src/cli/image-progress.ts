import type { Readable } from 'node:stream';
import type { NiwaClient } from '../client/client.js';
import type { ImportProgress } from '../protocol/images.js';
import { formatBytes } from '../protocol/units.js';
import { EXIT } from './exit-codes.js';
import { escaped } from './text.js';

const CLEAR_LINE = '\r\x1b[K';
const SHORT_ID = 19;

/**
 * Imports an image and shows the progress on standard error: on a terminal one line that changes, otherwise one line
 * for each layer. The names of the images go to standard output in the end. With `json`, each message goes to standard
 * output as it comes.
 */
export async function showImport(
  client: NiwaClient,
  tar: Readable,
  name: string | undefined,
  json: boolean,
): Promise<number> {
  const live = process.stderr.isTTY === true && !json;
  for await (const progress of client.importImage(tar, name)) {
    if (json) process.stdout.write(`${escaped(JSON.stringify(progress))}\n`);
    else if (progress.type === 'image') process.stdout.write(`${live ? CLEAR_LINE : ''}${progress.image.name}\n`);
    else if (progress.type === 'warning')
      process.stderr.write(`${live ? CLEAR_LINE : ''}warning: ${escaped(progress.message)}\n`);
    else if (live) process.stderr.write(`${CLEAR_LINE}${progressText(progress)}`);
    else if (progress.type === 'layer') process.stderr.write(`${progressText(progress)}\n`);
  }
  return EXIT.ok;
}

/** Describes the progress of an import in one line. */
export function progressText(progress: Exclude<ImportProgress, { type: 'image' | 'warning' }>): string {
  if (progress.type === 'receiving') return `receiving: ${formatBytes(progress.bytes)}`;
  const layer = `layer ${progress.number} of ${progress.total}, ${progress.layer.slice(0, SHORT_ID)}`;
  if (progress.type === 'unpacking') return `${layer}: ${formatBytes(progress.bytes)}`;
  return `${layer}: ${progress.shared ? 'there already' : 'unpacked'}`;
}
