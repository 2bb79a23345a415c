import { posix } from 'node:path';
import { MOST_OF_SOCKET_PATH } from '../kernel/sockets.js';
import type { OciSeccomp } from '../plan/oci/config.js';
import { asksAgent } from '../plan/oci/process.js';
import { MAX_64_BITS, refused, requireWithin } from '../plan/oci/refusal.js';
import { refusesAlways } from '../plan/seccomp.js';
import { SECCOMP_ACTIONS_OF_ENGINES, SECCOMP_COMPARISONS } from '../protocol/spec/seccomp.js';
import { excessOf } from '../spec/filter-size.js';

/** The largest number by action, see SECCOMP_RET_ERRNO and SECCOMP_RET_TRACE in seccomp(2). Others have none. */
const MAX_ERRNOS: Readonly<Record<string, number>> = { SCMP_ACT_ERRNO: 4095, SCMP_ACT_TRACE: 0xffff };
const ACTIONS: readonly string[] = SECCOMP_ACTIONS_OF_ENGINES;
const COMPARISONS: readonly string[] = SECCOMP_COMPARISONS;
/** Those of the machines on which niwa runs, by the name that Node.js has for it. */
const OWN_ARCHITECTURES: Partial<Record<NodeJS.Architecture, string[]>> = {
  // x32 has no call of its own here: those of a kernel that has it get ENOSYS
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** The architectures whose calls a filter can be for on this machine. */
export const FILTER_ARCHITECTURES: readonly string[] = OWN_ARCHITECTURES[process.arch] ?? [];

const OTHER_ARCHITECTURES = [
  ...['MIPS', 'MIPS64', 'MIPS64N32', 'MIPSEL', 'MIPSEL64', 'MIPSEL64N32', 'PPC', 'PPC64', 'PPC64LE', 'S390', 'S390X'],
  ...['PARISC', 'PARISC64', 'RISCV64', 'LOONGARCH64', 'M68K', 'SH', 'SHEB'],
].map((name) => `SCMP_ARCH_${name}`);
const ARCHITECTURES = [...Object.values(OWN_ARCHITECTURES).flat(), ...OTHER_ARCHITECTURES];
const OF_LISTENER = 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV';

function checkAgent(seccomp: OciSeccomp): void {
  const { defaultAction, listenerPath = '', listenerMetadata = '', flags = [] } = seccomp;
  const place = 'linux.seccomp';
  const asks = asksAgent(seccomp);
  if (defaultAction === 'SCMP_ACT_NOTIFY')
    throw refused(`${place}.defaultAction "${defaultAction}"`, 'the calls of niwa-oci itself would wait for the agent');
  for (const [i, { action, names = [] }] of (seccomp.syscalls ?? []).entries())
    if (action === 'SCMP_ACT_NOTIFY' && names.includes('write'))
      throw refused(
        `${place}.syscalls[${i}]`,
        'SCMP_ACT_NOTIFY cannot be used for the write syscall: those of niwa-oci itself would wait for the agent',
      );
  if (listenerPath === '' && asks) throw refused(`${place}.listenerPath`, 'SCMP_ACT_NOTIFY needs the path of an agent');
  if (listenerPath === '' && listenerMetadata !== '')
    throw refused(`${place}.listenerMetadata`, 'it has no effect without a listenerPath');
  if (listenerPath !== '' && !posix.isAbsolute(listenerPath))
    throw refused(`${place}.listenerPath`, 'it has to be an absolute path');
  if (Buffer.byteLength(listenerPath) > MOST_OF_SOCKET_PATH)
    throw refused(`${place}.listenerPath`, `the path of a socket has at most ${MOST_OF_SOCKET_PATH} bytes`);
  if (flags.includes(OF_LISTENER) && !asks)
    throw refused(`${place}.flags "${OF_LISTENER}"`, 'it has no effect: no call has the action SCMP_ACT_NOTIFY');
}

function checkErrno(errno: number | undefined, action: string, field: string): void {
  if (errno === undefined) return;
  const most = Object.hasOwn(MAX_ERRNOS, action) ? MAX_ERRNOS[action] : undefined;
  if (most === undefined) throw refused(field, `${action} gives no errno: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do`);
  requireWithin(errno, field, most);
}

/**
 * Checks what types cannot say of a filter: actions, bounds of numbers, an agent that is asked. It loses the
 * architectures of other machines. Pure.
 * @throws NiwaError SPEC_INVALID
 */
export function checkSeccomp(seccomp: OciSeccomp & { architectures?: string[] }): void {
  const { defaultAction, defaultErrnoRet, syscalls = [], architectures = [] } = seccomp;
  const place = 'linux.seccomp';
  const known = (action: string | undefined, field: string) => {
    if (action === undefined) throw refused(`${place}.${field}`, 'it is missing');
    if (!ACTIONS.includes(action)) throw refused(`${place}.${field} "${action}"`, 'there is no such action');
  };
  known(defaultAction, 'defaultAction');
  const excess = excessOf(syscalls);
  if (excess !== undefined) throw refused(`${place}.syscalls${excess.at}`, `more than ${excess.most} ${excess.what}`);
  checkAgent(seccomp);
  checkErrno(defaultErrnoRet, defaultAction, `${place}.defaultErrnoRet`);
  for (const [i, name] of architectures.entries())
    if (!ARCHITECTURES.includes(name)) throw refused(`${place}.architectures[${i}] "${name}"`, 'there is no such one');
  // no program of another machine runs here
  seccomp.architectures = architectures.filter((name) => FILTER_ARCHITECTURES.includes(name));
  for (const [i, { action, names = [], args = [], errnoRet }] of syscalls.entries()) {
    known(action, `syscalls[${i}].action`);
    checkErrno(errnoRet, action, `${place}.syscalls[${i}].errnoRet`);
    if (names.length === 0) throw refused(`${place}.syscalls[${i}].names`, 'it is empty');
    for (const [j, { index, value, valueTwo = 0, op }] of args.entries()) {
      const argument = `${place}.syscalls[${i}].args[${j}]`;
      requireWithin(index, `${argument}.index`, 5);
      requireWithin(value, `${argument}.value`, MAX_64_BITS);
      requireWithin(valueTwo, `${argument}.valueTwo`, MAX_64_BITS);
      if (op === undefined) throw refused(`${argument}.op`, 'it is missing');
      if (!COMPARISONS.includes(op)) throw refused(`${argument}.op "${op}"`, 'there is no such one');
    }
  }
  if (refusesAlways(seccomp, 'execve'))
    throw refused(place, 'the filter refuses what the start needs: execve has to be allowed');
}
