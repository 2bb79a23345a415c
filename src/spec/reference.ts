import { NiwaError } from '../errors.js';

/**
 * Names of images, in the grammar of the distribution project ("reference.go"), without digests: `[HOST[:PORT]/]NAME[:TAG]`.
 */

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST =
  '(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?';
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const MAX_LENGTH = 255;
/** Docker's own registry may be left out: an image has one name, with it or without. */
const DEFAULT_HOST = /^(?:index\.)?docker\.io\/(?:library\/)?/;

export const REFERENCE_PATTERN = `^(?:${HOST}/)?${PART}(?:/${PART})*(?::${TAG})?$`;
export const REFERENCE_WORDS =
  'the name of an image, such as "alpine", "registry.example/team/app:1.2" (lower case; the tag "latest" unless it is given)';

/**
 * Gives a name in the form in which it is kept: with its tag, without Docker's own registry.
 * @throws NiwaError SPEC_INVALID
 */
export function parseReference(text: string): string {
  if (text.length > MAX_LENGTH || !new RegExp(REFERENCE_PATTERN).test(text))
    throw new NiwaError(
      'SPEC_INVALID',
      `the name of the image: found ${JSON.stringify(text.slice(0, MAX_LENGTH))}; allowed: ${REFERENCE_WORDS}`,
    );
  const name = text.replace(DEFAULT_HOST, '');
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : `${name}:latest`;
}
