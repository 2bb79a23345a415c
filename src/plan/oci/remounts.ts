import type { OciMount } from './config.js';
import { attributeOf, lifts, NO_ATTRIBUTES } from './mount-words.js';
import { isBind, isOfFileSystem, isRemount, placeOf } from './mounts.js';
import { refused } from './refusal.js';

/**
 * Mounts of a config with the option `remount`, which change what is mounted at their destination. Only what restricts
 * it (`ro` ...) is done when their turn comes, at the path. What lifts a restriction (`rw` ...), and the options of a
 * file system, are given to the mount of the config that is there, as if it had been made so: a path could lead to
 * another mount, and a file system that others made may be one that the host uses.
 */

/** What the remounts of one destination give to the mount before them: words, and their places in the config. */
interface Given {
  lifting: Map<string, string>;
  /** From the last to the first. */
  data: { word: string; field: string }[];
}

/**
 * Gives mounts so that a remount among them only restricts; they keep their places. Pure.
 * @throws NiwaError SPEC_INVALID for a remount that changes more, of a mount that the config does not make
 */
export function withRemounts(mounts: readonly OciMount[]): OciMount[] {
  const changed = [...mounts];
  if (!mounts.some(isRemount)) return changed;
  const waiting = new Map<string, Given>();
  for (const [i, item] of [...mounts.entries()].toReversed()) {
    const place = placeOf(item);
    const given = waiting.get(place) ?? { lifting: new Map(), data: [] };
    changed[i] = isRemount(item) ? restricting(item, given) : receiving(item, given);
    if (isRemount(item)) waiting.set(place, withWordsOf(item, `mounts[${i}]`, given));
    else waiting.delete(place);
  }
  for (const { lifting, data } of waiting.values()) {
    requireOwn(data);
    for (const field of lifting.values()) throw refused(field, 'no mount before it has this destination');
  }
  return changed;
}

function restricting(item: OciMount, { lifting }: Given): OciMount {
  const own = (item.options ?? []).filter((word) => !isOfFileSystem(word));
  return { ...item, options: [...own, ...lifting.keys()] };
}

function receiving(item: OciMount, { lifting, data }: Given): OciMount {
  if (isBind(item)) requireOwn(data);
  const words = data.map(({ word }) => word).toReversed();
  return { ...item, options: [...(item.options ?? []), ...words, ...lifting.keys()] };
}

function withWordsOf({ options = [] }: OciMount, field: string, { lifting, data }: Given): Given {
  for (const [i, word] of [...options.entries()].toReversed()) {
    const place = `${field}.options[${i}] "${word}"`;
    if (lifts(attributeOf(word) ?? NO_ATTRIBUTES)) lifting.set(word, place);
    if (!isOfFileSystem(word)) continue;
    if (options.includes('bind')) throw refused(place, 'it is of a file system, and bind changes only the mount');
    data.push({ word, field: place });
  }
  return { lifting, data };
}

function requireOwn([first]: Given['data']): void {
  if (first !== undefined) throw refused(first.field, 'others may use what is mounted there');
}
