import type { Op } from '../op.js';
import { bind, type MountAttribute, mount } from '../ops.js';
import type { OciMount } from './config.js';
import { refused } from './refusal.js';

/** Options that set an attribute of the mount. */
const ATTRIBUTES = ['ro', 'nosuid', 'nodev', 'noexec'] as const;
/** Attributes that a bind of an existing mount cannot get here, since they replace another one. */
const NEW_ONLY = ['noatime', 'strictatime', 'nodiratime', 'nosymfollow'] as const;
/** Options that ask for what a mount is anyway. */
const USUAL = ['rw', 'suid', 'dev', 'exec', 'defaults', 'bind', 'rbind', 'private', 'rprivate'];
/** Options of mount(2) and of runtimes that niwa does not honour yet. */
const REFUSED = [
  ...['shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable', 'remount', 'relatime on a bind'],
  ...['rro', 'rrw', 'rnosuid', 'rsuid', 'rnodev', 'rdev', 'rnoexec', 'rexec', 'rnoatime', 'ratime', 'rstrictatime'],
  ...['rnostrictatime', 'rrelatime', 'rnorelatime', 'rnodiratime', 'rdiratime', 'rnosymfollow', 'rsymfollow'],
  ...[
    'idmap',
    'ridmap',
    'tmpcopyup',
    'atime',
    'diratime',
    'norelatime',
    'nostrictatime',
    'symfollow',
    'loud',
    'silent',
  ],
];

const isIn = <T extends string>(list: readonly T[], word: string): word is T =>
  (list as readonly string[]).includes(word);

/** Whether a mount of a config shows a directory or a file of the host. */
export function isBind({ type, options = [] }: OciMount): boolean {
  return type === 'bind' || options.includes('bind') || options.includes('rbind');
}

/**
 * Gives the operation of one mount of a config.
 * @param field its name in the config, for errors
 * @param source the real path of its source, where it is a bind
 * @throws NiwaError SPEC_INVALID for an option that niwa does not honour
 */
export function ociMountOp(item: OciMount, field: string, source: string | undefined): Op {
  const { destination, type = 'none', options = [] } = item;
  const binds = isBind(item);
  const attributes: MountAttribute[] = [];
  const data: string[] = [];
  for (const [i, word] of options.entries()) {
    const place = `${field}.options[${i}] "${word}"`;
    if (isIn(ATTRIBUTES, word) || (isIn(NEW_ONLY, word) && !binds)) attributes.push(word);
    else if (isIn(USUAL, word) || (word === 'relatime' && !binds)) continue;
    else if (isIn(REFUSED, word) || isIn(NEW_ONLY, word)) throw refused(place, 'niwa-oci does not support this yet');
    else if (binds) throw refused(place, 'a bind mount has no such option');
    else data.push(word);
  }
  if (binds && source !== undefined)
    return bind(source, destination, { attributes, recursive: !options.includes('bind') });
  if (type === 'none') throw refused(`${field}.type`, 'it is missing, and the options have no bind');
  // on a host with cgroup v2, what the spec calls cgroup is the tree of the cgroup namespace
  if (type === 'cgroup') return mount('cgroup2', destination, { attributes });
  return mount(type, destination, { attributes, data, source: item.source ?? type });
}
