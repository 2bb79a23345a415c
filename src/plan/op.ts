import { NiwaError } from '../protocol/errors.js';

/**
 * An operation of a boot program: the code and the arguments that native/boot/interpreter.c reads, and words for
 * people.
 */

/** The host ids of a user and a group. */
export interface Owner {
  uid: number;
  gid: number;
}
/** The host's own root user. */
export const HOST_ROOT: Owner = { uid: 0, gid: 0 };

/**
 * What a template leaves blank (template.ts). The first host id of a container is this number, and the others follow
 * it: no id is negative. A text between two NULs is a blank in a text: no text of a spec has a NUL.
 */
export const BLANK_FIRST_ID = -(2 ** 52);
export const BLANK_HOSTNAME = '\0hostname\0';
export const BLANK_DIRECTORY = '\0directory\0';

/** Writes a host id into a text. */
export function idText(id: number): string {
  return id < 0 ? `\0${id}\0` : String(id);
}

/** The codes of the operations. native/boot/program.h has the same table; a test compares the two. */
export const OP_CODES = {
  setns: 1,
  unshare: 2,
  propagation: 3,
  write: 4,
  mount: 5,
  bind: 6,
  root: 7,
  mkdir: 8,
  symlink: 9,
  mknod: 10,
  readonly: 11,
  mask: 12,
  remount_root: 13,
  pivot: 14,
  hostname: 15,
  link_up: 16,
  rlimit: 17,
  umask: 18,
  chdir: 19,
  capbset: 20,
  user: 21,
  capset: 22,
  no_new_privs: 23,
  setsid: 24,
  wait: 25,
  init: 26,
  exec: 27,
  join_user: 28,
  close_fds: 29,
  seccomp: 30,
  undumpable: 31,
  enter: 32,
  terminal: 33,
  overlay: 36,
  image: 37,
  upper: 38,
  place_file: 41,
  account: 42,
  sysctl: 43,
  exec_image: 44,
  find_program: 45,
  private_above: 50,
  domainname: 51,
  scheduler: 52,
  io_priority: 53,
  personality: 54,
  keep_fds: 55,
  seccomp_flags: 56,
  pause: 57,
  hook: 58,
  be_born: 59,
  show_root: 60,
  cpus: 61,
  memory_policy: 62,
  seccomp_listener: 63,
  own_streams: 64,
} as const;

export type OpName = keyof typeof OP_CODES;

export interface Op {
  readonly name: OpName;
  readonly numbers: readonly (number | bigint)[];
  readonly strings: readonly string[];
  /** What the operation does, in words for the user. */
  readonly text: string;
}

const RLIM_INFINITY = 0xffffffffffffffffn;

/** The numbers of the resources of setrlimit(2). */
const RLIMIT_NUMBERS: Record<string, number> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
};

/** Makes an operation. @param text what it does, in words for the user */
export function op(name: OpName, text: string, numbers: Op['numbers'] = [], strings: Op['strings'] = []): Op {
  return { name, numbers, strings, text };
}

/**
 * Gives the number of a resource of setrlimit(2), by its name in a spec.
 * @throws NiwaError INTERNAL where there is no such resource
 */
export function rlimitNumber(name: string): number {
  const number = RLIMIT_NUMBERS[name];
  if (number === undefined) throw new NiwaError('INTERNAL', `the limit "${name}" has passed the checks: there is none`);
  return number;
}

/** Gives the value of a limit for setrlimit(2). */
export function limitNumber(limit: number | 'unlimited'): number | bigint {
  return limit === 'unlimited' ? RLIM_INFINITY : limit;
}
