import { type Static, Type } from 'typebox';
import { loadNow } from '../host/stored-file.js';
import { NiwaError } from '../protocol/errors.js';
import { problemsOf } from '../spec/check.js';

/** Reads and writes the index of an image store. A write survives a crash of the machine. */

const VERSION = 1;
/** The most names of one image: each change writes the index with all names, and each list goes through them. */
const MOST_NAMES = 256;

const IndexSchema = Type.Object({
  version: Type.Literal(VERSION),
  names: Type.Record(Type.String(), Type.Object({ id: Type.String(), importedAt: Type.String() })),
  images: Type.Record(Type.String(), Type.Object({ layers: Type.Array(Type.String()) })),
  layers: Type.Record(Type.String(), Type.Object({ bytes: Type.Number() })),
});

/**
 * The index. All digests are hexadecimal. `names`: for each name its image. `images`: for each image the chain ids of
 * its layers, the lowest first (an earlier version wrote the digests of their tars). `layers`: for each layer the bytes
 * of its files.
 */
export type Index = Static<typeof IndexSchema>;

/**
 * Reads the index; gives an empty index where the file does not exist.
 * @throws NiwaError HOST_ERROR where the file is damaged, cannot be read or has another version: an empty index in its
 * place would let
 *   all images be removed
 */
export function readIndex(path: string): Index {
  const found = loadNow(path, parseIndex);
  if (found.state === 'whole') return found.value;
  if (found.state === 'missing') return { version: VERSION, names: {}, images: {}, layers: {} };
  throw new NiwaError(
    'HOST_ERROR',
    `cannot use the index of the images ${path}: ${found.reason}. Put a copy of it back; or stop niwad, move the directory away, and import the images again.`,
  );
}

/** Gives an index with more names. @throws NiwaError STATE_CONFLICT where one image would have too many */
export function withNames(index: Index, added: Index['names']): Index {
  const names = { ...index.names, ...added };
  const counts = new Map(Object.values(added).map(({ id }) => [id, 0]));
  for (const { id } of Object.values(names)) if (counts.has(id)) counts.set(id, (counts.get(id) ?? 0) + 1);
  if (Math.max(0, ...counts.values()) > MOST_NAMES)
    throw new NiwaError(
      'STATE_CONFLICT',
      `an image may have ${MOST_NAMES} names: remove one with \`niwa image rm\`, or name fewer`,
    );
  return { ...index, names };
}

function parseIndex(text: string): Index {
  const value = JSON.parse(text) as unknown;
  const [problem] = problemsOf(IndexSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  return value as Index;
}
