import { posix } from 'node:path';
import type { Op } from '../op.js';
import type { OciMount } from './config.js';
import {
  attributeOf,
  COPIES,
  changed,
  liftsNothing,
  makesReadOnly,
  mapsIds,
  NO_ATTRIBUTES,
  propagationOf,
  REMOUNT,
  USUAL,
} from './mount-words.js';
import { bindTree, FILL, type MountChange, mountNew, remount } from './ops.js';
import { refused } from './refusal.js';

/** Whether a mount of a config shows a directory or a file of the host. */
export function isBind(item: OciMount): boolean {
  const { type, options = [] } = item;
  return !isRemount(item) && (type === 'bind' || options.includes('bind') || options.includes('rbind'));
}

/** Whether a mount of a config mounts nothing, and changes what is mounted, see remounts.ts. */
export function isRemount({ options = [] }: OciMount): boolean {
  return options.includes(REMOUNT);
}

/** The destination of a mount in one form: `/a` and `/a/` are the same place. */
export function placeOf({ destination }: OciMount): string {
  return posix.normalize(`${destination}/`);
}

/**
 * Whether the first process may write to the tree of its groups: a cgroup mount of the config is not read-only, and no
 * remount makes it so.
 */
export function hasOwnGroups(mounts: readonly OciMount[]): boolean {
  const groups = mounts.filter(showsGroups);
  if (groups.length === 0) return false;
  const readOnly = new Set(mounts.filter(isRemount).filter(isReadOnly).map(placeOf));
  return groups.some((item) => !isReadOnly(item) && !readOnly.has(placeOf(item)));
}

const isReadOnly = ({ options = [] }: OciMount) => makesReadOnly(options);
const showsGroups = (item: OciMount) =>
  ['cgroup', 'cgroup2'].includes(item.type ?? '') && !isBind(item) && !isRemount(item);

/** Whether an option is one of the file system itself: niwa does not know it. */
export function isOfFileSystem(word: string): boolean {
  const ofMount = attributeOf(word) ?? propagationOf(word);
  return ofMount === undefined && !mapsIds(word) && ![...USUAL, REMOUNT, COPIES].includes(word);
}

/** Whether mounts of a config take part in the propagation of those of the host. */
export function keepsPropagation({ options = [] }: OciMount): boolean {
  return options.some((word) => /^r?(slave|shared)$/.test(word));
}

/** Gives the changes by which a mount gets the propagation that it asks for. */
export function propagationChanges({ options = [] }: OciMount): MountChange[] {
  return options.flatMap((word) => {
    const propagation = USUAL.includes(word) ? undefined : propagationOf(word);
    return propagation === undefined ? [] : [{ set: 0, clear: 0, ...propagation }];
  });
}

/** What the options of a mount ask for. */
interface Wanted {
  /** What they say that is not usual. */
  words: string[];
  /** Those of the file system. */
  data: string[];
  top: { set: number; clear: number };
  below: { set: number; clear: number };
  propagation: MountChange[];
  copies: boolean;
}

/** A bind in its parts. */
export interface OciBind {
  source: string;
  target: string;
  /** Its options, for people. */
  words: readonly string[];
  recursive: boolean;
  keepsPropagation: boolean;
  /** What holds for the mount and its files: attributes, and a map of ids. */
  attributes: readonly MountChange[];
  propagation: readonly MountChange[];
}

/**
 * Gives the parts of a bind of a config. Attributes are for the mount itself, those with an r before (`rro`) for all
 * mounts below, too.
 * @param field its name in the config, for errors
 * @param source the path of its source
 * @param idmap the change that maps the ids of its files, if any
 * @throws NiwaError SPEC_INVALID for an option that niwa does not honour
 */
export function ociBind(
  item: OciMount,
  field: string,
  source: string | undefined,
  idmap: readonly MountChange[] = [],
): OciBind {
  const { destination, options = [] } = item;
  const { words, top, below, propagation } = wantedBy(options, 'bind', field);
  if (source === undefined) throw refused(`${field}.source`, 'it is missing');
  return {
    ...{ source, target: destination, words, propagation },
    recursive: options.includes('rbind') || !options.includes('bind'),
    keepsPropagation: keepsPropagation(item),
    attributes: [...changeBy(liftsNothing(top), false), ...changeBy(below, true), ...idmap],
  };
}

const changeBy = ({ set, clear }: Wanted['top'], recursive: boolean): MountChange[] =>
  set === 0 && clear === 0 ? [] : [{ recursive, set, clear, propagation: 0 }];

/**
 * Gives the operation of one mount of a config.
 * @param field its name in the config, for errors
 * @param source the path of its source, where it is a bind
 * @param idmap the change that maps the ids of its files, if any
 * @throws NiwaError SPEC_INVALID for an option that niwa does not honour
 */
export function ociMountOp(
  item: OciMount,
  field: string,
  source: string | undefined,
  idmap: readonly MountChange[] = [],
): Op {
  if (!isBind(item)) return isRemount(item) ? remountOp(item, field) : newMountOp(item, field);
  const { attributes, propagation, ...bind } = ociBind(item, field, source, idmap);
  return bindTree(bind.source, bind.target, { ...bind, changes: [...attributes, ...propagation] });
}

/** It lifts nothing: a program that writes to the root at this moment may lead its path to another mount. */
function remountOp(item: OciMount, field: string): Op {
  const { destination, options = [] } = item;
  requireNoMaps(item, field);
  const { words, top, below, propagation } = wantedBy(options, 'remount', field);
  const changes = [...changeBy(liftsNothing(top), false), ...changeBy(liftsNothing(below), true), ...propagation];
  return remount(destination, words, changes);
}

function requireNoMaps({ uidMappings = [], gidMappings = [] }: OciMount, field: string): void {
  if (uidMappings.length + gidMappings.length > 0)
    throw refused(`${field}.uidMappings`, 'only the ids of a bind can be mapped');
}

function newMountOp(item: OciMount, field: string): Op {
  const { destination, type = 'none', options = [] } = item;
  requireNoMaps(item, field);
  const { words, data, top, below, propagation, copies } = wantedBy(options, 'new', field);
  if (type === 'none') throw refused(`${field}.type`, 'it is missing, and the options have no bind');
  if (copies && type !== 'tmpfs') throw refused(`${field}.options "tmpcopyup"`, 'only a tmpfs has it');
  // a read-only mount can take no copy: its attributes come afterwards
  const attributes = copies ? 0 : top.set;
  const late: MountChange[] = copies ? [{ recursive: false, ...top, propagation: 0 }] : [];
  const ownMode = data.some((word) => word.startsWith('mode='));
  return mountNew(
    // on a host with cgroup v2, what the spec calls cgroup is the tree of the cgroup namespace
    {
      ...(type === 'cgroup' ? { type: 'cgroup2', source: 'cgroup2' } : { type, source: item.source ?? type }),
      target: destination,
    },
    {
      words,
      data,
      attributes,
      fill: copies ? (ownMode ? FILL.files : FILL.directory) : FILL.empty,
      changes: [...late, ...changeBy(below, true), ...propagation],
    },
  );
}

function wantedBy(options: readonly string[], kind: 'new' | 'bind' | 'remount', field: string): Wanted {
  const wanted: Wanted = {
    words: options.filter((word) => !USUAL.includes(word) && word !== REMOUNT),
    data: [],
    top: NO_ATTRIBUTES,
    below: NO_ATTRIBUTES,
    propagation: [],
    copies: false,
  };
  for (const [i, word] of options.entries()) {
    const place = `${field}.options[${i}] "${word}"`;
    const attribute = attributeOf(word);
    const propagation = propagationOf(word);
    if (attribute !== undefined) {
      const which = attribute.recursive ? 'below' : 'top';
      wanted[which] = changed(wanted[which], attribute);
    } else if (propagation !== undefined && (kind === 'remount' || !USUAL.includes(word)))
      wanted.propagation.push({ set: 0, clear: 0, ...propagation });
    else if (USUAL.includes(word) || word === REMOUNT) continue;
    else if (kind === 'remount') throw refused(place, 'a remount has no such option');
    else if (word === COPIES && kind === 'new') wanted.copies = true;
    else if (kind === 'bind' && mapsIds(word)) continue;
    else if (mapsIds(word)) throw refused(place, 'only the ids of a bind can be mapped');
    else if (kind === 'bind') throw refused(place, 'a bind mount has no such option');
    else wanted.data.push(word);
  }
  return wanted;
}
