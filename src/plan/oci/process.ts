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
import type { CapabilitySet, OciConfig, OciProcess, OciSeccomp } from './config.js';
import { capsets, execRaw, findProgram } from './ops.js';
import { refused } from './refusal.js';
import { capabilitiesOf } from './resources.js';

const DEFAULT_UMASK = 0o022;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const RLIMITS = [
  ...['CPU', 'FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'NPROC', 'NOFILE', 'MEMLOCK', 'AS', 'LOCKS', 'SIGPENDING'],
  ...['MSGQUEUE', 'NICE', 'RTPRIO', 'RTTIME'],
].map((name) => `RLIMIT_${name}`);

/**
 * Gives the operations from the pivot on: rights, the wait, the program. With noNewPrivileges the filter comes last;
 * without, the kernel takes it only from a process that still has CAP_SYS_ADMIN.
 * @param afterUser operations that have to come directly after the change of user
 * @throws NiwaError SPEC_INVALID
 */
export function ociProcessOps(
  { process, linux = {} }: Pick<OciConfig, 'process' | 'linux'>,
  compile: (profile: SeccompProfileInput) => readonly bigint[],
  afterUser: readonly Op[] = [],
): Op[] {
  const { args, env = [], cwd, consoleSize, noNewPrivileges = false } = process;
  const filter =
    linux.seccomp === undefined ? [] : [seccomp('the profile of the config', compile(profileOf(linux.seccomp)))];
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  return [
    setsid(),
    ...rlimitOps(process),
    account(process.user.uid, { name: '', groups: false }),
    ...(noNewPrivileges ? [] : filter),
    ...identityOps(process, afterUser),
    ...(noNewPrivileges ? [noNewPrivs()] : []),
    ...(process.terminal ? [terminal(consoleSize?.height ?? 0, consoleSize?.width ?? 0)] : []),
    chdir(cwd),
    umask(process.user.umask ?? DEFAULT_UMASK),
    findProgram(args[0] ?? '', path),
    wait(),
    ...(noNewPrivileges ? filter : []),
    closeFds(),
    execRaw(args, env),
  ];
}

/** Gives the operation that sets the OOM score of a process; none where the config has no score. */
export function ociOomOps({ oomScoreAdj }: OciProcess): Op[] {
  return oomScoreAdj === undefined ? [] : [write('/proc/self/oom_score_adj', String(oomScoreAdj))];
}

function rlimitOps({ rlimits = [] }: OciProcess): Op[] {
  return rlimits.map(({ type, soft, hard }, i) => {
    if (!RLIMITS.includes(type)) throw refused(`process.rlimits[${i}].type "${type}"`, 'there is no such limit');
    if (BigInt(soft) > BigInt(hard)) throw refused(`process.rlimits[${i}].soft`, 'it is above the hard limit');
    return op('rlimit', `limit ${type} to ${soft}:${hard}`, [
      rlimitNumber(type.slice('RLIMIT_'.length).toLowerCase()),
      soft,
      hard,
    ]);
  });
}

function identityOps(
  { user: { uid, gid, additionalGids = [] }, capabilities = {} }: OciProcess,
  afterUser: readonly Op[],
): Op[] {
  const names = (set: CapabilitySet) => capabilitiesOf(`process.capabilities.${set}`, capabilities[set]);
  const mask = (set: CapabilitySet) => capabilityMask(names(set));
  const bounding = names('bounding');
  return [
    capbset(capabilityMask(bounding), bounding),
    user(uid, gid, additionalGids),
    ...afterUser,
    capsets({
      effective: mask('effective'),
      permitted: mask('permitted'),
      inheritable: mask('inheritable'),
      ambient: mask('ambient'),
    }),
  ];
}

/** Gives a profile in the form of a niwa spec, which is that of the OCI. Actions were checked with the config. */
export function profileOf({ defaultAction, defaultErrnoRet, syscalls = [] }: OciSeccomp): SeccompProfileInput {
  const profile = {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    syscalls: syscalls.map(({ args = [], ...rule }) => ({ ...rule, args: args.map((one) => ({ ...one })) })),
  };
  return profile as SeccompProfileInput;
}
