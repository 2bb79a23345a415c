import { sysctlPath } from '../spec/sysctls.js';
import { HOST_ROOT, limitNumber, type Owner, op, rlimitNumber } from './op.js';

/** The operations of a boot program; each has a constructor. */

/**
 * Where a path is looked up: in the container's root, or in the mounts that niwad sees, while the root is being built.
 */
export type Place = 'root' | 'host';

/** Mount attributes of mount_setattr(2); those from `noatime` on are for new file systems only. */
const MOUNT_ATTRIBUTES = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
} as const;
export type MountAttribute = keyof typeof MOUNT_ATTRIBUTES;

/**
 * The descriptor of the container's user namespace, and the first of the descriptors of user namespaces that belong to
 * mounts.
 */
export const USERNS_FD = 4;
export const FIRST_MOUNT_USERNS_FD = 6;

const MS_REC_PRIVATE = 0x4000 | 0x40000;
const MS_REC_SLAVE = 0x4000 | 0x80000;
const MAX_TEXT = 500;

function attributeMask(attributes: readonly MountAttribute[]): number {
  return attributes.reduce((mask, name) => mask | MOUNT_ATTRIBUTES[name], 0);
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

const inRoot = (place: Place) => (place === 'root' ? 1 : 0);

/** Joins the namespace at `path`; `flag` is its bit CLONE_NEW*. */
export const setns = (namespace: string, flag: number, path: string) =>
  op('setns', `join the ${namespace} namespace ${path}`, [flag], [path]);

/** Makes a new namespace for the helper; `flag` is its bit CLONE_NEW*. */
export const unshare = (namespace: string, flag: number) => op('unshare', `new ${namespace} namespace`, [flag]);

/**
 * Makes all mounts private: later mounts of the host do not appear in the container, nor mounts of the container on the
 * host.
 */
export const privateMounts = () => op('propagation', 'make all mounts private', [MS_REC_PRIVATE]);

/**
 * Makes all mounts slaves: later mounts of the host appear in the container, but mounts of the container do not appear
 * on the host.
 */
export const slaveMounts = () => op('propagation', 'let no mount out, but those of the host in', [MS_REC_SLAVE]);

/** Writes a text to an existing file of the host. */
export const write = (path: string, text: string) => op('write', `write ${text} to ${path}`, [], [path, text]);

/** Writes a setting of the namespaces that the helper is in, through procfs and no link. */
export const sysctl = (name: string, value: string) =>
  op('sysctl', `set ${name} to ${value}`, [], [sysctlPath(name), value]);

/** Mounts a new file system. */
export const mount = (
  type: string,
  target: string,
  options: { attributes?: readonly MountAttribute[]; data?: readonly string[]; place?: Place; source?: string } = {},
) => {
  const { attributes = [], data = [], place = 'root', source = type } = options;
  const text = `mount ${type} on ${target}${listed([...attributes, ...data])}`;
  return op('mount', text, [attributeMask(attributes), inRoot(place)], [type, source, target, ...data]);
};

/**
 * Binds a path that niwad sees, with the mounts below it.
 * @param options `idmap`: shows the files with the ids of the container's user namespace, or of the user namespace
 * behind a descriptor.
 *   `recursive: false`: without the mounts below. `slave: true`: later mounts of the host below the path appear too;
 *   slaveMounts() has to come before
 */
export const bind = (
  source: string,
  target: string,
  options: {
    attributes?: readonly MountAttribute[];
    idmap?: boolean | number;
    recursive?: boolean;
    slave?: boolean;
    place?: Place;
  } = {},
) => {
  const { attributes = [], idmap = false, recursive = true, slave = false, place = 'root' } = options;
  const words = [...attributes, ...idmapWords(idmap), ...(slave ? ['rslave'] : [])];
  const numbers = [attributeMask(attributes), inRoot(place), Number(recursive), usernsFd(idmap), Number(slave)];
  return op('bind', `bind ${source} on ${target}${listed(words)}`, numbers, [source, target]);
};

/**
 * Mounts an overlay, see the kernel's filesystems/overlayfs.rst.
 * @param directory the directory that has all paths of the overlay; symbolic links in them are not followed out of it
 * @param target a path inside this directory, like the paths in `data`
 * @param options `maker`: the ids with which the overlay makes files of its own
 */
export const overlay = (
  directory: string,
  target: string,
  data: readonly string[],
  options: { attributes?: readonly MountAttribute[]; maker?: Owner } = {},
) => {
  const { attributes = [], maker = HOST_ROOT } = options;
  const text = `mount overlay on ${directory}/${target}${listed([...attributes, ...data])}`;
  return op('overlay', text, [attributeMask(attributes), maker.uid, maker.gid], [directory, target, data.join(',')]);
};

/**
 * Moves the mount of the root's image file to a directory of the stage. niwad has mounted the file before the boot
 * program began.
 */
export const image = (target: string, options: { idmap: boolean }) =>
  op(
    'image',
    `put the image on ${target}${listed(options.idmap ? ['id-mapped'] : [])}`,
    [Number(options.idmap)],
    [target],
  );

/**
 * Binds the directory of the host that keeps the writes of an overlay. They are in `upper` and `work`, which are made
 * where missing.
 * @param options `idmap` as in bind(); `owner`: the ids on disk of the directories that are made
 */
export const upper = (
  directory: string,
  target: string,
  { idmap, owner = HOST_ROOT }: { idmap: boolean | number; owner?: Owner },
) =>
  op(
    'upper',
    `bind ${directory}, with upper and work in it, on ${target}${listed(idmapWords(idmap))}`,
    [usernsFd(idmap), owner.uid, owner.gid],
    [directory, target],
  );

/**
 * Binds a file that niwad sees, read-only, over a path inside the root. A symbolic link at that path is covered, not
 * followed.
 */
export const placeFile = ({ source, target, isNeeded }: { source: string; target: string; isNeeded: boolean }) =>
  op(
    'place_file',
    `place ${source} at ${target}${isNeeded ? '' : ', where the root has room for it'}`,
    [attributeMask(['ro', 'nosuid', 'nodev', 'noexec']), isNeeded ? 1 : 0],
    [source, target],
  );

/**
 * Takes a mount point as the root of the operations that follow. Directories that these make in the root belong to
 * `owner`.
 */
export const root = (path: string, owner: Owner = HOST_ROOT) =>
  op('root', `take ${path} as the root`, [owner.uid, owner.gid], [path]);

/** Makes a directory, inside the root or in the mounts that niwad sees, that belongs to `owner`. */
export const mkdir = (path: string, mode: number, place: Place = 'root', owner: Owner = HOST_ROOT) =>
  op('mkdir', `mkdir ${path} ${octal(mode)}`, [mode, inRoot(place), owner.uid, owner.gid], [path]);

export const symlink = (target: string, path: string) => op('symlink', `link ${path} to ${target}`, [], [target, path]);

/** Makes a character device. */
export const mknod = (path: string, mode: number, major: number, minor: number) =>
  op('mknod', `mknod ${path} c ${major}:${minor} ${octal(mode)}`, [0o020000 | mode, (major << 8) | minor], [path]);

export const readonlyPath = (path: string) => op('readonly', `make ${path} read-only`, [], [path]);
export const maskPath = (path: string) => op('mask', `hide ${path}`, [], [path]);

/** Sets attributes of the mount of the root itself. */
export const remountRoot = (attributes: readonly MountAttribute[]) =>
  op('remount_root', `remount /${listed(attributes)}`, [attributeMask(attributes)]);

export const pivot = () => op('pivot', 'pivot_root into it and detach the host');
export const hostname = (name: string) => op('hostname', `set the host name ${name}`, [], [name]);
export const linkUp = (name: string) => op('link_up', `set the interface ${name} up`, [], [name]);

export const rlimit = (name: string, soft: number | 'unlimited', hard: number | 'unlimited') =>
  op('rlimit', `limit ${name} to ${soft}:${hard}`, [rlimitNumber(name), limitNumber(soft), limitNumber(hard)]);

export const umask = (mask: number) => op('umask', `umask ${octal(mask)}`, [mask]);
export const chdir = (path: string) => op('chdir', `chdir to ${path}`, [], [path]);

/** Removes all capabilities that are not in the mask from the bounding set. */
export const capbset = (mask: bigint, names: readonly string[]) =>
  op('capbset', `bound capabilities to${names.length > 0 ? '' : ' none'}${listed(names)}`, [mask]);

/** Becomes a user, with further groups beside those that `account` finds. */
export const user = (uid: number, gid: number, groups: readonly number[] = []) =>
  op('user', `become user ${uid}, group ${gid}${listed(groups.map(String))}`, [uid, gid, ...groups]);

/**
 * Looks up the user in passwd(5) and group(5) of the root: the home directory, for `exec`, and the groups, for `user`.
 * @param account `name`: the user's name, "" for the first name of the uid. `groups`: whether to take the groups that
 * have the user as a
 *   member
 */
export const account = (uid: number, { name, groups }: { name: string; groups: boolean }) =>
  op(
    'account',
    `look up the home${groups ? ' and the groups' : ''} of user ${name === '' ? uid : name} in the root`,
    [uid, Number(groups)],
    [name],
  );

/** Sets the effective and permitted capabilities to the mask; no capability is inheritable or ambient. */
export const capset = (mask: bigint) => op('capset', `set capabilities 0x${mask.toString(16)}`, [mask, 0, 0]);

export const noNewPrivs = () => op('no_new_privs', 'no new privileges');
export const setsid = () => op('setsid', 'new session');
export const wait = () => op('wait', 'wait for the start');
export const init = () => op('init', 'stay as init and go on in a child');

/** Enters the container's user namespace, as the ids `uid` and `gid` in it. */
export const joinUser = (uid: number, gid: number) =>
  op('join_user', `enter the user namespace as user ${uid}, group ${gid}`, [uid, gid]);

/** Sets all descriptors but 0, 1 and 2 to be closed by the exec. */
export const closeFds = () => op('close_fds', 'close all descriptors but 0, 1 and 2 at the exec');

/** Sets a system call filter, given as compiled instructions (struct sock_filter, each as one number). */
export const seccomp = (name: string, instructions: readonly bigint[]) =>
  op('seccomp', `filter system calls by ${name} (${instructions.length} instructions)`, instructions);

/** Until the exec, processes of the container cannot trace the boot program, nor read its files in /proc. */
export const undumpable = () => op('undumpable', 'hide from the processes of the container');

/** Joins namespaces of the container's first process (CLONE_NEW* bits); with `takesRoot`, takes its root directory. */
export const enter = (names: readonly string[], flags: number, takesRoot = false) =>
  op(
    'enter',
    `enter the namespaces of the container: ${names.join(', ')}${takesRoot ? ', and its root' : ''}`,
    takesRoot ? [flags, 1] : [flags],
  );

/** Goes on in a process of the PID namespace that {@link enter} has joined, the first one that the container sees. */
export const beBorn = () => op('be_born', 'go on as a process of the container');

/** Makes a terminal in the container's /dev/pts, and makes it the standard streams. A size of 0 is not set. */
export const terminal = (rows: number, columns: number) =>
  op('terminal', `make a terminal in /dev/pts${rows > 0 ? ` (${columns}x${rows})` : ''}`, [rows, columns]);

/**
 * Executes the workload. Where the environment has no HOME or HOSTNAME, the boot program sets HOME as `account` found
 * it, and HOSTNAME.
 */
export const exec = (args: readonly string[], env: Readonly<Record<string, string>>) => {
  const whole = Object.entries({ ...env, HOME: env.HOME ?? '/', HOSTNAME: env.HOSTNAME ?? '' });
  const place = (wanted: string) =>
    env[wanted] === undefined ? args.length + whole.findIndex(([name]) => name === wanted) : 0;
  return op(
    'exec',
    `exec ${shortened(args.map(quoted).join(' '))}`,
    [args.length, place('HOME'), place('HOSTNAME')],
    [...args, ...whole.map(([name, value]) => `${name}=${value}`)],
  );
};

/** Executes a static program of niwa that the kernel's side has opened, without an environment. */
export const execImage = (args: readonly string[]) =>
  op('exec_image', `exec ${shortened(args.map(quoted).join(' '))}`, [], args);

/**
 * Cuts a long text: a list of arguments can be as long as the kernel allows, and its text is part of errors and logs.
 */
export function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`;
}

function usernsFd(idmap: boolean | number): number {
  return idmap === true ? USERNS_FD : Number(idmap);
}

function idmapWords(idmap: boolean | number): string[] {
  if (idmap === false) return [];
  return idmap === true ? ['id-mapped'] : ['id-mapped by a map of its own'];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Writes a word as a shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
