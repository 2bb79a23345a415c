import type { Op } from '../op.js';
import type { OciConfig, OciMemoryPolicy, OciProcess, OciScheduler } from './config.js';
import { ioPriority, memoryPolicy, personality, runOn, scheduler } from './ops.js';
import { refused } from './refusal.js';

/** The policies of sched(7), and the flags of sched_setattr(2). */
const POLICIES: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};
const FLAGS: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};
/** The classes of ioprio_set(2). */
const IO_CLASSES: Readonly<Record<string, number>> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };
const IO_CLASS_SHIFT = 13;
const MAX_IO_PRIORITY = 7;
const MAX_PRIORITY = 99;
/** The boot program has no negative numbers. */
const NICE_OFFSET = 20;

const PERSONAS: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 0x8 };

/** The modes and flags of set_mempolicy(2). */
const MEMORY_MODES: Readonly<Record<string, number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
};
const MEMORY_FLAGS: Readonly<Record<string, number>> = {
  MPOL_F_STATIC_NODES: 1 << 15,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_NUMA_BALANCING: 1 << 13,
};
/** The highest number of a CPU and of a memory node. */
const MAX_NUMBER = 1023;
const WORD_BITS = 64;

/** The words of memory policies, as `features` tells them. */
export const MEMORY_WORDS = { modes: Object.keys(MEMORY_MODES), flags: Object.keys(MEMORY_FLAGS) };

type Linux = NonNullable<OciConfig['linux']>;
type Personality = Linux['personality'];

/**
 * Gives the operations by which the kernel schedules the process, chooses its memory, and shows itself to it.
 * @throws NiwaError SPEC_INVALID for a word that niwa does not know, or a number out of its bounds
 */
export function schedulingOps(
  { scheduler: wanted, ioPriority: io }: OciProcess,
  { personality: persona, memoryPolicy: policy }: Pick<Linux, 'personality' | 'memoryPolicy'>,
): Op[] {
  return [
    ...(wanted === undefined ? [] : [schedulerOp(wanted)]),
    ...(io === undefined ? [] : [ioPriorityOp(io)]),
    ...(policy === undefined ? [] : [memoryPolicyOp(policy)]),
    ...(persona === undefined ? [] : [personalityOp(persona)]),
  ];
}

function schedulerOp({ policy, nice = 0, priority = 0, flags = [], ...times }: OciScheduler): Op {
  const place = 'process.scheduler';
  const { runtime = 0, deadline = 0, period = 0 } = times;
  const number = numberOf(policy, POLICIES, `${place}.policy`);
  const bits = flags.reduce((sum, flag, i) => sum | numberOf(flag, FLAGS, `${place}.flags[${i}]`), 0);
  within(nice, -NICE_OFFSET, NICE_OFFSET - 1, `${place}.nice`);
  within(priority, 0, MAX_PRIORITY, `${place}.priority`);
  for (const [name, value] of Object.entries({ runtime, deadline, period }))
    if (value < 0) throw refused(`${place}.${name}`, 'it is below 0');
  if (policy === 'SCHED_DEADLINE') checkDeadline(times);
  return scheduler(policy, [number, bits, nice + NICE_OFFSET, priority, runtime, deadline, period]);
}

/** The kernel takes a deadline only with a runtime between these, see sched_setattr() in kernel/sched/deadline.c. */
const [LEAST_RUNTIME_NS, MOST_RUNTIME_NS] = [1024n, 2n ** 63n - 1n];

function checkDeadline({ runtime, deadline, period = 0 }: Pick<OciScheduler, 'runtime' | 'deadline' | 'period'>): void {
  const wrong = (name: string, reason: string) =>
    refused(`process.scheduler.${name}`, `sched_setattr: \`SCHED_DEADLINE\` ${reason}`);
  if (runtime === undefined) throw wrong('runtime', 'requires `runtime`');
  if (deadline === undefined) throw wrong('deadline', 'requires `deadline`');
  const [running, within, each] = [BigInt(runtime), BigInt(deadline), BigInt(period)];
  if (running === 0n) throw wrong('runtime', 'runtime must be greater than 0');
  if (running < LEAST_RUNTIME_NS || running > MOST_RUNTIME_NS)
    throw wrong('runtime', `runtime ${running} must be between ${LEAST_RUNTIME_NS} and ${MOST_RUNTIME_NS} ns`);
  if (running > within) throw wrong('runtime', `runtime ${running} must be <= deadline ${within}`);
  if (each !== 0n && within > each) throw wrong('deadline', `deadline ${within} must be <= period ${each}`);
}

function ioPriorityOp({ class: name, priority = 0 }: NonNullable<OciProcess['ioPriority']>): Op {
  within(priority, 0, MAX_IO_PRIORITY, 'process.ioPriority.priority');
  const number = numberOf(name, IO_CLASSES, 'process.ioPriority.class');
  return ioPriority(`${name} ${priority}`, (number << IO_CLASS_SHIFT) | priority);
}

function personalityOp({ domain, flags = [] }: NonNullable<Personality>): Op {
  if (flags.length > 0) throw refused('linux.personality.flags', 'the OCI runtime-spec names none');
  return personality(domain, numberOf(domain, PERSONAS, 'linux.personality.domain'));
}

function memoryPolicyOp({ mode, nodes = '', flags = [] }: OciMemoryPolicy): Op {
  const place = 'linux.memoryPolicy';
  const number = numberOf(mode, MEMORY_MODES, `${place}.mode`);
  const bits = flags.reduce((sum, flag, i) => sum | numberOf(flag, MEMORY_FLAGS, `${place}.flags[${i}]`), 0);
  return memoryPolicy(
    [mode, ...flags, nodes].join(' ').trim(),
    number | bits,
    wordsOf(maskOf(nodes, `${place}.nodes`)),
  );
}

/** Gives the mask of a list such as `0-3,7`. */
function maskOf(list: string, place: string): bigint {
  return (list === '' ? [] : list.split(',')).reduce((mask, part) => {
    const [, first = '', last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    const isRange = first !== '' && Number(first) <= Number(last) && Number(last) <= MAX_NUMBER;
    if (!isRange) throw refused(place, `"${part}" has to be a number or a range of numbers up to ${MAX_NUMBER}`);
    return mask | ((1n << BigInt(Number(last) + 1)) - (1n << BigInt(first)));
  }, 0n);
}

/** Gives the words of a mask, the lowest bit first. */
function wordsOf(mask: bigint): bigint[] {
  const words: bigint[] = [];
  for (let rest = mask; rest > 0n; rest >>= BigInt(WORD_BITS)) words.push(BigInt.asUintN(WORD_BITS, rest));
  return words;
}

/** Lets the process run on all CPUs of its group, whatever those of the command are. Pure. */
export const runEverywhere = (): Op => runOn('all CPUs of its group', wordsOf((1n << BigInt(MAX_NUMBER + 1)) - 1n));

/**
 * Decides where an exec runs: the CPUs of the command while it makes the process, and those of the process. Pure.
 * @throws NiwaError SPEC_INVALID for what is no list of CPUs
 */
export function execCpus({ execCPUAffinity: { initial = '', final = '' } = {} }: OciProcess): {
  command: number[];
  ops: Op[];
} {
  const place = 'process.execCPUAffinity';
  const first = maskOf(initial, `${place}.initial`);
  const command = [...Array(MAX_NUMBER + 1).keys()].filter((cpu) => (first >> BigInt(cpu)) & 1n);
  if (final !== '') return { command, ops: [runOn(`the CPUs ${final}`, wordsOf(maskOf(final, `${place}.final`)))] };
  return { command, ops: command.length > 0 ? [] : [runEverywhere()] };
}

function numberOf(word: string | undefined, numbers: Readonly<Record<string, number>>, place: string): number {
  if (word === undefined) throw refused(place, `it is missing: ${Object.keys(numbers).join(', ')}`);
  const number = Object.hasOwn(numbers, word) ? numbers[word] : undefined;
  if (number === undefined)
    throw refused(`${place} "${word}"`, `there is no such one: ${Object.keys(numbers).join(', ')}`);
  return number;
}

function within(value: number, least: number, most: number, place: string): void {
  if (!(value >= least && value <= most)) throw refused(place, `it has to be from ${least} to ${most}`);
}
