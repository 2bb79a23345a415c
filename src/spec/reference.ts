import { NiwaError } from '../protocol/errors.js';
import { REFERENCE_PATTERN, REFERENCE_WORDS } from '../protocol/images.js';

const MAX_LENGTH = 255;
/**
 * Docker's own registry. It is removed from names, so that an image has one name, whether the user writes the registry
 * or not.
 */
const DEFAULT_HOST = /^(?:index\.)?docker\.io\/(?:library\/)?/;

/**
 * Gives a name in the form in which the store keeps it: with a tag, and without Docker's own registry.
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

/**
 * Gives a name in the form that other programs take as complete: with the host of the registry.
 * @param name in the form of {@link parseReference}
 */
export function fullReference(name: string): string {
  const [host = '', ...rest] = name.split('/');
  if (rest.length === 0) return `docker.io/library/${name}`;
  return /[.:]/.test(host) || host === 'localhost' ? name : `docker.io/${name}`;
}
