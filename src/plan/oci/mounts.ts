import type { Op } from '../op.js';
import type { OciMount } from './config.js';
import { attributeOf, changed, liftsNothing, NO_ATTRIBUTES, propagationOf } from './mount-words.js';
import { bindTree, FILL, type MountChange, mountNew } from './ops.js';
import { refused } from './refusal.js';

/** Options that ask for what a mount is anyway, or that concern only the log of the kernel. */
const USUAL = ['rw', 'suid', 'dev', 'exec', 'defaults', 'bind', 'rbind', 'private', 'rprivate', 'silent', 'loud'];
const REFUSED = ['remount', 'idmap', 'ridmap'];

/** Whether a mount of a config shows a directory or a file of the host. */
export function isBind({ type, options = [] }: OciMount): boolean {
  return type === 'bind' || options.includes('bind') || options.includes('rbind');
}

/** Whether mounts of a config take part in the propagation of those of the host. */
export function keepsPropagation({ options = [] }: OciMount): boolean {
  return options.some((word) => /^r?(slave|shared)$/.test(word));
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

/**
 * Gives the operation of one mount of a config. Attributes are for the mount itself, those with an r before (`rro`) for
 * all mounts below, too.
 * @param field its name in the config, for errors
 * @param source the real path of its source, where it is a bind
 * @throws NiwaError SPEC_INVALID for an option that niwa does not honour
 */
export function ociMountOp(item: OciMount, field: string, source: string | undefined): Op {
  const { destination, type = 'none', options = [] } = item;
  const binds = isBind(item);
  const wanted = wantedBy(options, binds, field);
  const { words, data, top, below, propagation, copies } = wanted;
  const recursively: MountChange[] =
    below.set === 0 && below.clear === 0 ? [] : [{ recursive: true, ...below, propagation: 0 }];
  if (binds) {
    if (source === undefined) throw refused(`${field}.source`, 'it is missing');
    const own = liftsNothing(top);
    const changes = own.set === 0 && own.clear === 0 ? [] : [{ recursive: false, ...own, propagation: 0 }];
    return bindTree(source, destination, {
      words,
      recursive: options.includes('rbind') || !options.includes('bind'),
      keepsPropagation: keepsPropagation(item),
      changes: [...changes, ...recursively, ...propagation],
    });
  }
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
      changes: [...late, ...recursively, ...propagation],
    },
  );
}

function wantedBy(options: readonly string[], binds: boolean, field: string): Wanted {
  const wanted: Wanted = {
    words: options.filter((word) => !USUAL.includes(word)),
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
    } else if (USUAL.includes(word)) continue;
    else if (propagation !== undefined) wanted.propagation.push({ set: 0, clear: 0, ...propagation });
    else if (word === 'tmpcopyup') wanted.copies = true;
    else if (REFUSED.includes(word)) throw refused(place, 'niwa-oci does not support this yet');
    else if (binds) throw refused(place, 'a bind mount has no such option');
    else wanted.data.push(word);
  }
  return wanted;
}
