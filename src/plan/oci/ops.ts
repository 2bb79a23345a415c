import { op } from '../op.js';
import { quoted, shortened } from '../ops.js';

/** The operations that only the program of an OCI container has. */

/** A change of a mount after it was made, see mount_setattr(2). */
export interface MountChange {
  /** Whether it is for all mounts below, too. */
  recursive: boolean;
  /** The attributes to set and to clear (MOUNT_ATTR_*). */
  set: number;
  clear: number;
  /** MS_PRIVATE and the like; 0 for none. */
  propagation: number;
  /** The descriptor of the user namespace that maps the ids of files, with MOUNT_ATTR_IDMAP in `set`. */
  userns?: number;
}

const numbersOf = (changes: readonly MountChange[]) =>
  changes.flatMap(({ recursive, set, clear, propagation, userns = 0 }) => [
    Number(recursive),
    set,
    clear,
    propagation,
    userns,
  ]);
const listed = (words: readonly string[]) => (words.length === 0 ? '' : ` (${words.join(', ')})`);
const IN_ROOT = 1;
const FOLLOWS_LINKS = 2;

/** How a new file system begins: empty, with the files of the directory that it covers, or as that directory. */
export const FILL = { empty: 0, files: 1, directory: 2 } as const;

/**
 * Mounts a new file system.
 * @param words the options, for people
 * @param data the options of the file system itself
 */
export const mountNew = (
  { type, source, target }: { type: string; source: string; target: string },
  {
    words,
    data,
    attributes,
    fill,
    changes,
  }: {
    words: readonly string[];
    data: readonly string[];
    attributes: number;
    fill: number;
    changes: readonly MountChange[];
  },
) =>
  op(
    'mount',
    `mount ${type} on ${target}${listed(words)}`,
    [attributes, IN_ROOT, fill, ...numbersOf(changes)],
    [type, source, target, ...data],
  );

/**
 * Binds a path of the host. The copy of its mounts is private, unless it keeps their propagation.
 * @param words the options, for people
 */
export const bindTree = (
  source: string,
  target: string,
  {
    words,
    recursive,
    keepsPropagation,
    changes,
  }: {
    words: readonly string[];
    recursive: boolean;
    keepsPropagation: boolean;
    changes: readonly MountChange[];
  },
) =>
  op(
    'bind',
    `bind ${source} on ${target}${listed(words)}`,
    [0, IN_ROOT | FOLLOWS_LINKS, Number(recursive), 0, Number(keepsPropagation), ...numbersOf(changes)],
    [source, target],
  );

/** Changes what is mounted at a path in the root. @param words the options, for people */
export const remount = (path: string, words: readonly string[], changes: readonly MountChange[]) =>
  op('remount_root', `remount ${path}${listed(words)}`, [0, ...numbersOf(changes)], [path]);

/** Binds the root of a bundle, with all mounts below it, on a directory of the host. */
export const bindRoot = (source: string, stage: string, slave: boolean) =>
  op(
    'bind',
    `bind ${source} on ${stage}${listed(slave ? ['rslave'] : [])}`,
    [0, FOLLOWS_LINKS, 1, 0, Number(slave)],
    [source, stage],
  );

/** Takes a directory as the root, without a mount. */
export const rootAsItIs = (path: string) => op('root', `take ${path} as the root`, [0, 0, FOLLOWS_LINKS], [path]);

/** Sets the propagation of "/", or with MS_REC of all mounts; `word` is that of the OCI. */
export const propagate = (word: string, flags: number) => op('propagation', `make / ${word}`, [flags]);

/** Makes the mount that has the path private: what is mounted at the path appears nowhere else. */
export const privateAbove = (path: string) =>
  op('private_above', `make the mount that has ${path} private`, [], [path]);

/** Moves the mount of the root to a directory of the host. */
export const showRoot = (path: string) => op('show_root', `move the root to ${path}`, [], [path]);

const READ_ONLY = 1;
/** Makes a mount read-only when all is made in it. */
export const closeMount = (path: string) => op('remount_root', `remount ${path} (ro)`, [READ_ONLY], [path]);

const PIVOT_SHARED = 1;
const MOVE = 2;
const CHANGE = 3;
/** Makes the root "/" while mounts of the host may be shared: that they are detached does not go to the host. */
export const pivotShared = () => op('pivot', 'pivot_root into it and detach the host, here alone', [PIVOT_SHARED]);
/** Makes the root "/" on a host whose own root cannot be pivoted. */
export const moveRoot = () =>
  op('pivot', 'hide /proc and /sys of the host, move the root over that of the host, and chroot', [MOVE]);

/** Makes the root "/" for this process alone, in a mount namespace that others have. */
export const changeRoot = () => op('pivot', 'chroot into it', [CHANGE]);

/** Makes a device or a FIFO. @param node its mode has the type; an owner of -1 stays */
export const makeNode = ({
  path,
  mode,
  device,
  uid,
  gid,
}: {
  path: string;
  mode: number;
  device: number;
  uid: number;
  gid: number;
}) =>
  op(
    'mknod',
    `mknod ${path} (mode ${mode.toString(8)}, device 0x${device.toString(16)})`,
    [mode, device, uid, gid],
    [path],
  );

export const domainname = (name: string) => op('domainname', `set the NIS domain name ${name}`, [], [name]);
export const personality = (word: string, persona: number) => op('personality', `personality ${word}`, [persona]);
/** @param value class and priority, see ioprio_set(2) */
export const ioPriority = (words: string, value: number) => op('io_priority', `I/O priority ${words}`, [value]);
/** @param mask the words of the mask of CPUs, see sched_setaffinity(2) */
export const runOn = (words: string, mask: readonly bigint[]) => op('cpus', `run on ${words}`, mask);
/** @param mask the words of the mask of nodes, see set_mempolicy(2) */
export const memoryPolicy = (words: string, mode: number, mask: readonly bigint[]) =>
  op('memory_policy', `memory policy ${words}`, [mode, ...mask]);
/** @param numbers policy, flags, nice + 20, priority, runtime, deadline and period in ns, see sched_setattr(2) */
export const scheduler = (policy: string, numbers: readonly (number | bigint)[]) =>
  op('scheduler', `scheduling ${policy}`, numbers);

/** New session; the keyring of the session stays that of the command. */
export const setsidKeyring = () => op('setsid', 'new session, with the keyring of the command', [1]);

/** Makes a terminal in /dev/pts for a user, and shows it at /dev/console, too. */
export const terminalAndConsole = (rows: number, columns: number, owner: number) =>
  op('terminal', `make a terminal in /dev/pts for user ${owner}, and show it at /dev/console`, [rows, columns, owner]);

/** Enters the working directory before the change of user, who may have no right to enter it. */
export const chdirFirst = (path: string) => op('chdir', `chdir to ${path}, if that is allowed here`, [1], [path]);

/** Gives the pipes among the standard streams to a user, who can open them again then. */
export const ownStreams = (uid: number, gid: number) =>
  op('own_streams', `give the pipes of the standard streams to user ${uid}, group ${gid}`, [uid, gid]);

/** The exec keeps this many descriptors of the command beside the three standard ones. */
export const keepFds = (count: number) =>
  op('keep_fds', `close all descriptors but 0 to ${2 + count} at the exec`, [count]);

/** Sets a system call filter with flags of seccomp(2). */
export const seccompWith = (name: string, flags: number, instructions: readonly bigint[]) =>
  op('seccomp_flags', `filter system calls by ${name} (${instructions.length} instructions, flags ${flags})`, [
    flags,
    ...instructions,
  ]);

/** Raises the hard limit where it is lower; the soft one stays. */
export const raiseLimit = (type: string, resource: number, hard: number | bigint) =>
  op('rlimit', `raise the hard limit ${type} to ${hard}`, [resource, hard, hard, 1]);

/**
 * Goes on in a child, the first process of the container, in new namespaces that belong to the user namespace of this
 * one.
 */
export const divide = (names: readonly string[], flags: number) =>
  op('be_born', `go on in a child with new namespaces: ${names.join(', ') || 'none'}`, [flags]);

/** Sets a system call filter that asks an agent, with flags of seccomp(2). */
export const seccompWithListener = (name: string, flags: number, instructions: readonly bigint[]) =>
  op(
    'seccomp_listener',
    `filter system calls by ${name}, and ask its agent (${instructions.length} instructions, flags ${flags})`,
    [flags, ...instructions],
  );

/** Sets each set of capabilities to its mask. */
export const capsets = (sets: Record<'effective' | 'permitted' | 'inheritable' | 'ambient', bigint>) =>
  op(
    'capset',
    `set capabilities ${Object.entries(sets)
      .map(([name, mask]) => `${name} 0x${mask.toString(16)}`)
      .join(', ')}`,
    [sets.effective, sets.inheritable, sets.ambient, sets.permitted],
  );

/** Fails where {@link execRaw} would not find the program `name` along the directories of `path`. */
export const findProgram = (name: string, path: string) =>
  op('find_program', `find the program ${quoted(name)}`, [], [name, path]);

/**
 * Executes the workload with an environment of any strings. Where none is `HOME=...`, the boot program sets HOME as
 * `account` found it.
 */
export const execRaw = (args: readonly string[], env: readonly string[]) => {
  const whole = env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, 'HOME=/'];
  const home = whole === env ? 0 : args.length + env.length;
  return op('exec', `exec ${shortened(args.map(quoted).join(' '))}`, [args.length, home, 0], [...args, ...whole]);
};
