import { isDeepStrictEqual } from 'node:util';
import { type Caller, nameForTurns } from '../access/allowed.js';
import { freeze } from '../kept/freeze.js';
import { Kept } from '../kept/kept.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { Id } from '../protocol/spec/values.js';
import type { SpecInput } from '../protocol/spec.js';
import { fits } from '../spec/check.js';
import { hostnameFrom } from '../spec/hostname.js';
import type { ImageDefaults, ImageLookup } from '../spec/image.js';
import { parseSpec } from '../spec/spec.js';

/**
 * What tells an image from others. The id fixes the rest of what it gives, which may be several MiB: labels that do not
 * fit into a spec, too.
 */
type SeenImage = Pick<ImageDefaults, 'name' | 'id' | 'layers' | 'user' | 'namesGroup'>;

/** An input that was valid, without its id, and what was made of it. */
interface Seen {
  input: Omit<SpecInput, 'id'>;
  /** Its image; null for a spec without an image. */
  image: SeenImage | null;
  /** Frozen, since many containers share its parts. */
  spec: Spec;
}

/**
 * Parses specs. One that differs only in its id from an earlier one of the same caller is not parsed again. What
 * depends on the host or on the caller's rights is no part of this: settle() decides it for each start.
 */
export class SeenSpecs {
  readonly #kept = new Kept<Seen>((seen) => JSON.stringify(seen).length);

  /** Gives what parseSpec() gives, in an object of its own. @throws NiwaError the errors of parseSpec() */
  parse(input: unknown, freeId: string, lookUp: ImageLookup, caller: Caller): Spec {
    const parts = withoutId(input);
    if (parts === null) return parseSpec(input, freeId, lookUp);
    const { id = freeId, rest } = parts;
    const text = JSON.stringify(rest);
    const name = nameForTurns(caller);
    const known = this.#kept.get(name, text);
    if (known !== undefined && fits(Id, id) && isStill(known, rest, lookUp)) return withId(known, id as string);
    let image: SeenImage | null = null;
    const spec = parseSpec(input, freeId, (wanted) => {
      const found = lookUp(wanted);
      image = seenOf(found);
      return found;
    });
    this.#kept.set(name, text, structuredClone({ input: rest, image, spec }));
    const seen = this.#kept.get(name, text);
    if (seen !== undefined) freeze(seen);
    return spec;
  }
}

/** Gives the id of an input apart; null where the input is no object, or a spec as `inspect` shows it. */
function withoutId(input: unknown): { id: unknown; rest: object } | null {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return null;
  if (Object.hasOwn(input, 'stopTimeoutUsec')) return null;
  if (!Object.hasOwn(input, 'id')) return { id: undefined, rest: input };
  const { id, ...rest } = input as { id?: unknown };
  return { id, rest };
}

/**
 * Says whether a parse would give the same again. The text of an input does not tell this alone: JSON writes infinity
 * as null. The image of a name may be another one meanwhile.
 */
function isStill({ input, image }: Seen, rest: object, lookUp: ImageLookup): boolean {
  if (!isDeepStrictEqual(input, rest)) return false;
  const name = input.root?.image;
  return name === undefined || isDeepStrictEqual(image, seenOf(lookUp(name)));
}

function seenOf({ name, id, layers, user, namesGroup }: ImageDefaults): SeenImage {
  return { name, id, layers, user, namesGroup };
}

function withId({ input, spec }: Seen, id: string): Spec {
  const isNamed = spec.hostname === null || input.hostname !== undefined;
  const named = { ...spec }; // what stands behind a spread in a literal takes V8 many times as long
  named.id = id;
  if (!isNamed) named.hostname = hostnameFrom(id);
  return named;
}
