import { HOST_ROOT, limitNumber, type Owner, op, rlimitNumber } from './op.js';

/** The operations of a boot program, one constructor each. */

/** Where a target path is looked up: inside the container's root, or in the daemon's view while the root is built. */
export type Place = 'root' | 'host';

/** Mount attributes of mount_setattr(2). */
const MOUNT_ATTRIBUTES = { ro: 0x1, nosuid: 0x2, nodev: 0x4, noexec: 0x8 } as const;
export type MountAttribute = keyof typeof MOUNT_ATTRIBUTES;

/** The descriptors of the container's user namespace, and of the first of those that mounts have for themselves. */
const USERNS_FD = 4;
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

/** Joins the namespace that `path` holds open; `flag` is its CLONE_NEW* bit. */
export const setns = (namespace: string, flag: number, path: string) =>
  op('setns', `join the ${namespace} namespace ${path}`, [flag], [path]);

/** Makes a namespace of the helper's own; `flag` is its CLONE_NEW* bit. */
export const unshare = (namespace: string, flag: number) => op('unshare', `new ${namespace} namespace`, [flag]);

/** Makes all mounts private: no mount of the host appears in the container, and none of the container on the host. */
export const privateMounts = () => op('propagation', 'make all mounts private', [MS_REC_PRIVATE]);

/** Makes all mounts slaves: later mounts of the host appear in the container, none of the container on the host. */
export const slaveMounts = () => op('propagation', 'let no mount out, but those of the host in', [MS_REC_SLAVE]);

/** Writes to an existing file of the host. */
export const write = (path: string, text: string) => op('write', `write ${text} to ${path}`, [], [path, text]);

/** Mounts a new file system. */
export const mount = (
  type: string,
  target: string,
  options: { attributes?: readonly MountAttribute[]; data?: readonly string[]; place?: Place } = {},
) => {
  const { attributes = [], data = [], place = 'root' } = options;
  const text = `mount ${type} on ${target}${listed([...attributes, ...data])}`;
  return op('mount', text, [attributeMask(attributes), inRoot(place)], [type, type, target, ...data]);
};

/**
 * Binds a path of the daemon's view, with what is mounted below it.
 * @param options `idmap` shows its files with the ids of the container's user namespace, or of that behind a descriptor; `recursive: false` leaves out what is
 *   mounted below; `slave: true` shows what the host mounts below it later, where slaveMounts() went before
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
 * @param directory what all paths of it are inside of: no link in them leads out
 * @param target a path inside the directory, as are those in `data`
 * @param options `maker`: the ids with which it makes files of its own
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

/** Moves the mount of the root's image file to a directory of the stage; niwad has made the mount before the boot program began. */
export const image = (target: string, options: { idmap: boolean }) =>
  op(
    'image',
    `put the image on ${target}${listed(options.idmap ? ['id-mapped'] : [])}`,
    [Number(options.idmap)],
    [target],
  );

/**
 * Binds a directory of the host that keeps the writes of an overlay, in `upper` and `work`, which are made where missing.
 * @param options `idmap` as of bind(); `owner`: the ids on disk of what is made
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

/** Binds a file of the daemon's view, read-only, over whatever is at a path inside the root; a link there is covered, not followed. */
export const placeFile = ({ source, target, isNeeded }: { source: string; target: string; isNeeded: boolean }) =>
  op(
    'place_file',
    `place ${source} at ${target}${isNeeded ? '' : ', where the root has room for it'}`,
    [attributeMask(['ro', 'nosuid', 'nodev', 'noexec']), isNeeded ? 1 : 0],
    [source, target],
  );

/** Takes a mount point of the daemon's view as the root for what follows; what is made in it belongs to `owner`. */
export const root = (path: string, owner: Owner = HOST_ROOT) =>
  op('root', `take ${path} as the root`, [owner.uid, owner.gid], [path]);

/** Makes a directory inside the root, or in the daemon's view for an owner. */
export const mkdir = (path: string, mode: number, place: Place = 'root', owner: Owner = HOST_ROOT) =>
  op('mkdir', `mkdir ${path} ${octal(mode)}`, [mode, inRoot(place), owner.uid, owner.gid], [path]);

export const symlink = (target: string, path: string) => op('symlink', `link ${path} to ${target}`, [], [target, path]);

/** Makes a character device. */
export const mknod = (path: string, mode: number, major: number, minor: number) =>
  op('mknod', `mknod ${path} c ${major}:${minor} ${octal(mode)}`, [0o020000 | mode, (major << 8) | minor], [path]);

export const readonlyPath = (path: string) => op('readonly', `make ${path} read-only`, [], [path]);
export const maskPath = (path: string) => op('mask', `hide ${path}`, [], [path]);

/** Sets attributes on the mount of the root itself. */
export const remountRoot = (attributes: readonly MountAttribute[]) =>
  op('remount_root', `remount /${listed(attributes)}`, [attributeMask(attributes)]);

export const pivot = () => op('pivot', 'pivot_root into it and detach the host');
export const hostname = (name: string) => op('hostname', `set the host name ${name}`, [], [name]);
export const linkUp = (name: string) => op('link_up', `set the interface ${name} up`, [], [name]);

export const rlimit = (name: string, soft: number | 'unlimited', hard: number | 'unlimited') =>
  op('rlimit', `limit ${name} to ${soft}:${hard}`, [rlimitNumber(name), limitNumber(soft), limitNumber(hard)]);

export const umask = (mask: number) => op('umask', `umask ${octal(mask)}`, [mask]);
export const chdir = (path: string) => op('chdir', `chdir to ${path}`, [], [path]);

/** Keeps only the capabilities of the mask in the bounding set. */
export const capbset = (mask: bigint, names: readonly string[]) =>
  op('capbset', `bound capabilities to${names.length > 0 ? '' : ' none'}${listed(names)}`, [mask]);

export const user = (uid: number, gid: number) => op('user', `become user ${uid}, group ${gid}`, [uid, gid]);

/**
 * Finds what the root's own passwd(5) and group(5) say of the user: its home directory for `exec`, its groups for `user`.
 * @param account its name, "" for the first of its uid; with `groups`, those that have it as a member
 */
export const account = (uid: number, { name, groups }: { name: string; groups: boolean }) =>
  op(
    'account',
    `look up the home${groups ? ' and the groups' : ''} of user ${name === '' ? uid : name} in the root`,
    [uid, Number(groups)],
    [name],
  );

/** Sets effective and permitted to the mask; nothing is inheritable or ambient. */
export const capset = (mask: bigint) => op('capset', `set capabilities 0x${mask.toString(16)}`, [mask, 0, 0]);

export const noNewPrivs = () => op('no_new_privs', 'no new privileges');
export const setsid = () => op('setsid', 'new session');
export const wait = () => op('wait', 'wait for the start');
export const init = () => op('init', 'stay as init and go on in a child');

/** Enters the container's user namespace as its root user, or as `uid` and `gid` of it where it has none. */
export const joinUser = (uid: number, gid: number) =>
  op('join_user', `enter the user namespace as user ${uid}, group ${gid}`, [uid, gid]);

/** Lets the exec close all descriptors but the standard three. */
export const closeFds = () => op('close_fds', 'close all descriptors but 0, 1 and 2 at the exec');

/** Sets a compiled system call filter, an instruction (struct sock_filter) per number. */
export const seccomp = (name: string, instructions: readonly bigint[]) =>
  op('seccomp', `filter system calls by ${name} (${instructions.length} instructions)`, instructions);

/** Keeps processes of the container from tracing the boot program, and from reading its /proc, until the exec. */
export const undumpable = () => op('undumpable', 'hide from the processes of the container');

/** Joins namespaces of the container's first process; `flags` are their CLONE_NEW* bits. */
export const enter = (names: readonly string[], flags: number) =>
  op('enter', `enter the namespaces of the container: ${names.join(', ')}`, [flags]);

/** Makes a terminal in the container's /dev/pts and takes it as the standard streams; a size of 0 is left as it is. */
export const terminal = (rows: number, columns: number) =>
  op('terminal', `make a terminal in /dev/pts${rows > 0 ? ` (${columns}x${rows})` : ''}`, [rows, columns]);

/** Becomes the workload. HOME and HOSTNAME, where the environment has none, are those that `account` found. */
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

/** An argument list can be as long as the kernel takes; its text goes into errors and logs. */
function shortened(text: string): string {
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

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
