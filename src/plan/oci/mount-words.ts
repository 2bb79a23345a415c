/** The words of the OCI for attributes and propagation of a mount, and the numbers of mount_setattr(2). */

/** Attributes to set and to clear (MOUNT_ATTR_*). */
interface Attributes {
  set: number;
  clear: number;
}

/** How access times are kept is one value of several bits: the kernel takes a new one only where all are cleared. */
const ATIME = 0x70;

const READ_ONLY = 0x1;

const WORDS: Readonly<Record<string, Attributes>> = {
  ro: { set: READ_ONLY, clear: 0 },
  rw: { set: 0, clear: READ_ONLY },
  nosuid: { set: 0x2, clear: 0 },
  suid: { set: 0, clear: 0x2 },
  nodev: { set: 0x4, clear: 0 },
  dev: { set: 0, clear: 0x4 },
  noexec: { set: 0x8, clear: 0 },
  exec: { set: 0, clear: 0x8 },
  noatime: { set: 0x10, clear: ATIME },
  strictatime: { set: 0x20, clear: ATIME },
  // relatime is the usual one, to which the others go back
  relatime: { set: 0, clear: ATIME },
  atime: { set: 0, clear: ATIME },
  norelatime: { set: 0, clear: ATIME },
  nostrictatime: { set: 0, clear: ATIME },
  nodiratime: { set: 0x80, clear: 0 },
  diratime: { set: 0, clear: 0x80 },
  nosymfollow: { set: 0x200000, clear: 0 },
  symfollow: { set: 0, clear: 0x200000 },
};

/** MS_PRIVATE and the like of mount(2). */
const PROPAGATIONS: Readonly<Record<string, number>> = {
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
};

/** Words of mount(8) for a whole file system: on a bind they would change that of others. */
const OF_SUPERBLOCK = [
  ...['async', 'sync', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand', 'acl', 'noacl'],
  ...['iversion', 'noiversion'],
];
/** Since fsopen(2) each file system decides itself whether it counts the versions of files. */
const OF_NO_MOUNT = ['iversion', 'noiversion'];

/** Whether a volume begins with what it covers: engines see to that, and podman leaves its words to the runtime. */
const OF_VOLUME = ['copy', 'nocopy'];

/** Whether a word that the OCI or an engine has can have no effect on a bind, or on any mount. */
export const isIdleOn = (kind: 'new' | 'bind', word: string): boolean =>
  (kind === 'bind' ? [...OF_SUPERBLOCK, ...OF_VOLUME] : OF_NO_MOUNT).includes(word);

/** The words for what is mounted and how, beside attributes and propagation. */
export const REMOUNT = 'remount';
export const COPIES = 'tmpcopyup';
const MAPPING = ['idmap', 'ridmap'];
const BINDING = ['bind', 'rbind'];
/** They ask for what a mount is anyway, or concern only the log of the kernel. */
const SAYING_NOTHING = ['defaults', 'silent', 'loud'];
/** Options that ask for nothing beyond a mount of its kind. */
export const USUAL = ['rw', 'suid', 'dev', 'exec', 'private', 'rprivate', ...BINDING, ...SAYING_NOTHING];

/** All words, as `features` tells them. */
export const MOUNT_WORDS: readonly string[] = [
  ...[...Object.keys(WORDS), ...Object.keys(PROPAGATIONS)].flatMap((word) => [word, `r${word}`]),
  ...[REMOUNT, COPIES, ...MAPPING, ...BINDING, ...SAYING_NOTHING, ...OF_SUPERBLOCK],
].sort();

export const NO_ATTRIBUTES: Attributes = { set: 0, clear: 0 };

/** Gives what a word does; undefined where it names no attribute. `rro` is `ro` for all mounts below, too. */
export function attributeOf(word: string): (Attributes & { recursive: boolean }) | undefined {
  const own = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (own !== undefined) return { ...own, recursive: false };
  const name = word.slice(1);
  const below = word.startsWith('r') && Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  return below === undefined ? undefined : { ...below, recursive: true };
}

/** Gives the propagation that a word names; `rslave` is `slave` for all mounts below, too. */
export function propagationOf(word: string): { recursive: boolean; propagation: number } | undefined {
  const recursive = word.startsWith('r');
  const name = recursive ? word.slice(1) : word;
  const propagation = Object.hasOwn(PROPAGATIONS, name) ? PROPAGATIONS[name] : undefined;
  return propagation === undefined ? undefined : { recursive, propagation };
}

/** Whether a word maps the ids of a bind, see MountMaps. */
export const mapsIds = (word: string): boolean => /^r?idmap(=|$)/.test(word);

/** Adds a word: the later one counts. */
export function changed(before: Attributes, { set, clear }: Attributes): Attributes {
  return { set: (before.set & ~clear) | set, clear: (before.clear & ~set) | clear };
}

/** Whether a mount with these words is read-only. */
export function makesReadOnly(words: readonly string[]): boolean {
  const { set } = words.reduce((before, word) => changed(before, attributeOf(word) ?? NO_ATTRIBUTES), NO_ATTRIBUTES);
  return (set & READ_ONLY) !== 0;
}

/** Whether a word does nothing but lift a restriction. */
export function lifts({ set, clear }: Attributes): boolean {
  return set === 0 && (clear & ~ATIME) !== 0;
}

/** Without what would lift a restriction of the mount that is bound: `rw` does not make a read-only one writable. */
export function liftsNothing({ set, clear }: Attributes): Attributes {
  return { set, clear: clear & ATIME };
}
