import type { IdMaps } from '../../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../../protocol/spec.js';
import { capabilityMask } from '../../spec/capabilities.js';
import { type Op, op, rlimitNumber } from '../op.js';
import {
  account,
  capbset,
  chdir,
  closeFds,
  noNewPrivs,
  seccomp,
  setsid,
  terminal,
  umask,
  user,
  wait,
  write,
} from '../ops.js';
import { idOutside } from '../userns.js';
import type { CapabilitySet, OciConfig, OciProcess, OciSeccomp } from './config.js';
import {
  capsets,
  chdirFirst,
  execRaw,
  findProgram,
  keepFds,
  ownStreams,
  seccompWith,
  seccompWithListener,
  setsidKeyring,
  terminalAndConsole,
} from './ops.js';
import { refused } from './refusal.js';
import { capabilitiesOf } from './resources.js';
import { schedulingOps } from './scheduling.js';

const DEFAULT_UMASK = 0o022;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const RLIMITS = [
  ...['CPU', 'FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'NPROC', 'NOFILE', 'MEMLOCK', 'AS', 'LOCKS', 'SIGPENDING'],
  ...['MSGQUEUE', 'NICE', 'RTPRIO', 'RTTIME'],
].map((name) => `RLIMIT_${name}`);

/** What the command line and the mounts say of the process. */
export interface ProcessChoices {
  newKeyring: boolean;
  /** How many descriptors from 3 on it gets, and how many of them are sockets by LISTEN_FDS, see sd_listen_fds(3). */
  keptFds: number;
  listenFds: number;
  /** Whether a terminal is at /dev/console, too. */
  console: boolean;
  /** Operations that join the user namespace of the container: behind them, the kernel raises no limit. */
  joinsUser: readonly Op[];
  /** Operations that have to come directly after the change of user. */
  afterUser: readonly Op[];
  /** Operations that come when the process has no rights but its own; a terminal is made after them. */
  beforeTerminal: readonly Op[];
  /** The hooks that run in the container directly before the program. */
  startHooks: readonly Op[];
}

/**
 * Gives the operations from the pivot on: rights, the wait, the program. With noNewPrivileges the filter comes last;
 * without, the kernel takes it only from a process that still has CAP_SYS_ADMIN. One that asks an agent comes before
 * the wait: until then the command is there, which hands its listener over. The console is mounted before the
 * capabilities go.
 * @throws NiwaError SPEC_INVALID
 */
export function ociProcessOps(
  { process, linux = {} }: Pick<OciConfig, 'process' | 'linux'>,
  compile: (profile: SeccompProfileInput) => readonly bigint[],
  choices: Partial<ProcessChoices> = {},
): Op[] {
  const { args, env: given = [], cwd, consoleSize, noNewPrivileges = false } = process;
  const {
    newKeyring = true,
    keptFds = 0,
    listenFds = 0,
    joinsUser = [],
    afterUser = [],
    beforeTerminal = [],
    startHooks = [],
  } = choices;
  const filter = linux.seccomp === undefined ? [] : [filterOp(linux.seccomp, compile)];
  const asks = linux.seccomp !== undefined && asksAgent(linux.seccomp);
  // a filter need not allow close_range; what is opened after it is closed by the exec anyway
  const closesEarly = !noNewPrivileges && keptFds === 0;
  const path = given.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  const env = listenFds === 0 ? given : [...given.filter(isNotOfSockets), `LISTEN_FDS=${listenFds}`, 'LISTEN_PID=1'];
  const [rows, columns] = [consoleSize?.height ?? 0, consoleSize?.width ?? 0];
  return [
    newKeyring ? setsid() : setsidKeyring(),
    ...(process.terminal && choices.console ? [terminalAndConsole(rows, columns, process.user.uid)] : []),
    ...schedulingOps(process, linux),
    ...rlimitOps(process),
    ...joinsUser,
    chdirFirst(cwd),
    account(process.user.uid, { name: '', groups: false }),
    ...(closesEarly ? [closeFds()] : []),
    ...(noNewPrivileges ? [] : filter),
    ...identityOps(process, afterUser),
    ...(noNewPrivileges ? [noNewPrivs()] : []),
    ...beforeTerminal,
    ...(process.terminal && !choices.console ? [terminal(rows, columns)] : []),
    chdir(cwd),
    umask(process.user.umask ?? DEFAULT_UMASK),
    findProgram(args[0] ?? '', path),
    ...(noNewPrivileges && asks ? filter : []),
    wait(),
    ...(closesEarly ? [] : [keptFds === 0 ? closeFds() : keepFds(keptFds)]),
    ...(noNewPrivileges && !asks ? filter : []),
    ...startHooks, // they may be programs of the container
    execRaw(args, env),
  ];
}

/** Programs take the first of several entries with one name, so those of the config go. */
function isNotOfSockets(entry: string): boolean {
  return !/^LISTEN_(FDS|PID)=/.test(entry);
}

/** Gives the operation that sets the OOM score of a process; none where the config has no score. */
export function ociOomOps({ oomScoreAdj }: OciProcess): Op[] {
  return oomScoreAdj === undefined ? [] : [write('/proc/self/oom_score_adj', String(oomScoreAdj))];
}

/**
 * Gives the operation by which the user of a process can open its streams again, as /dev/stdout; none where the maps of
 * its user namespace are not known.
 */
export function ociStreamOps({ terminal: hasTerminal = false, user: { uid, gid } }: OciProcess, maps?: IdMaps): Op[] {
  if (hasTerminal || maps?.uids.length === 0) return [];
  return [ownStreams(idOutside(maps?.uids, uid), idOutside(maps?.gids, gid))];
}

/** The flags of seccomp(2) that the OCI names. */
const FILTER_FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};
/** The names of these flags. */
export const FILTER_FLAG_NAMES = Object.keys(FILTER_FLAGS).sort();
const TSYNC = 1;

/** Whether a filter asks an agent. */
export function asksAgent({ syscalls = [] }: OciSeccomp): boolean {
  return syscalls.some(({ action }) => action === 'SCMP_ACT_NOTIFY');
}

function filterOp(wanted: OciSeccomp, compile: (profile: SeccompProfileInput) => readonly bigint[]): Op {
  const name = 'the profile of the config';
  const instructions = compile(profileOf(wanted));
  const flags = (wanted.flags ?? []).reduce((sum, flag, i) => {
    const bit = Object.hasOwn(FILTER_FLAGS, flag) ? FILTER_FLAGS[flag] : undefined;
    if (bit === undefined) throw refused(`linux.seccomp.flags[${i}] "${flag}"`, 'niwa-oci does not support it yet');
    return sum | bit;
  }, 0);
  // a listener excludes TSYNC, which does nothing for a process of one thread
  if (asksAgent(wanted)) return seccompWithListener(name, flags & ~TSYNC, instructions);
  return flags === 0 ? seccomp(name, instructions) : seccompWith(name, flags, instructions);
}

/** Gives the number of a limit of the config, see setrlimit(2). @throws NiwaError SPEC_INVALID for an unknown one */
export function resourceOf(type: string, i: number): number {
  if (!RLIMITS.includes(type)) throw refused(`process.rlimits[${i}].type "${type}"`, 'there is no such limit');
  return rlimitNumber(type.slice('RLIMIT_'.length).toLowerCase());
}

function rlimitOps({ rlimits = [] }: OciProcess): Op[] {
  return rlimits.map(({ type, soft, hard }, i) => {
    const resource = resourceOf(type, i);
    if (rlimits.findIndex((other) => other.type === type) !== i)
      throw refused(`process.rlimits[${i}].type`, `${type} is listed twice`);
    if (BigInt(soft) > BigInt(hard)) throw refused(`process.rlimits[${i}].soft`, 'it is above the hard limit');
    return op('rlimit', `limit ${type} to ${soft}:${hard}`, [resource, soft, hard]);
  });
}

function identityOps(
  { user: { uid, gid, additionalGids = [] }, capabilities = {} }: OciProcess,
  afterUser: readonly Op[],
): Op[] {
  const names = (set: CapabilitySet) => capabilitiesOf(`process.capabilities.${set}`, capabilities[set]);
  const mask = (set: CapabilitySet) => capabilityMask(names(set));
  const bounding = names('bounding');
  // The kernel raises no others (capabilities(7)). buildah lists all as ambient, and none as inheritable.
  const ambient = mask('ambient') & mask('permitted') & mask('inheritable');
  return [
    capbset(capabilityMask(bounding), bounding),
    user(uid, gid, additionalGids),
    ...afterUser,
    capsets({
      effective: mask('effective'),
      permitted: mask('permitted'),
      inheritable: mask('inheritable'),
      ambient,
    }),
  ];
}

/** By the filter of a config: src/oci/check.ts gives filters of one text as one object. */
const profiles = new WeakMap<OciSeccomp, SeccompProfileInput>();

/**
 * Gives a profile in the form of a niwa spec, which is that of the OCI; integers beyond 2^53 are texts such as
 * `0xffffffffffffffff` there. Actions were checked with the config.
 */
export function profileOf(wanted: OciSeccomp): SeccompProfileInput {
  const profile = profiles.get(wanted) ?? makeProfile(wanted);
  profiles.set(wanted, profile);
  return profile;
}

function makeProfile(wanted: OciSeccomp): SeccompProfileInput {
  const { defaultAction, defaultErrnoRet, architectures, syscalls = [] } = wanted;
  const exact = (value: number | bigint) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value);
  const profile = {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    ...(architectures === undefined ? {} : { architectures }),
    syscalls: syscalls.map(({ args = [], ...rule }) => ({
      ...rule,
      args: args.map(({ value, valueTwo, ...one }) => ({
        ...one,
        value: exact(value),
        ...(valueTwo === undefined ? {} : { valueTwo: exact(valueTwo) }),
      })),
    })),
  };
  return profile as SeccompProfileInput;
}
