import type { FieldProblem } from '../protocol/errors.js';
import type { IoLimit, Limit, Resources } from '../protocol/resolved-spec.js';
import { Resources as ResourcesSchema } from '../protocol/spec/resources.js';
import type { ResourcesInput } from '../protocol/spec.js';
import { parseAs } from './check.js';
import { invalid, requireNoProblems, show } from './problems.js';
import { durationUsec, sizeBytes } from './quantities.js';

/** The period of cpu.max. It is the kernel's default. */
export const CPU_PERIOD_USEC = 100_000;

/**
 * Makes resources of the limits in a live update.
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseResources(input: unknown): Resources {
  const valid = parseAs('the update', ResourcesSchema, input, 'resources');
  requireNoProblems('the update', resourceProblems(valid, 'resources'));
  return normaliseResources(valid);
}

/**
 * Gives `now`, with the fields of `change` in place of its own.
 * @throws NiwaError SPEC_INVALID where a limit of the one does not fit a limit of the other
 */
export function mergeResources(now: Resources, change: Resources): Resources {
  const cpu = { ...now.cpu, ...change.cpu };
  if (typeof cpu.max === 'number' && cpu.burstUsec !== undefined && cpu.burstUsec > quotaUsec(cpu.max))
    throw invalid('the update', [
      { path: 'resources.cpu.burst', found: `${cpu.burstUsec} usec`, allowed: `at most ${quotaUsec(cpu.max)} usec` },
    ]);
  return {
    ...now,
    ...change,
    cpu,
    memory: { ...now.memory, ...change.memory },
    io: mergeIo([...now.io, ...change.io]),
  };
}

/**
 * Puts limits of the same device together. As in the kernel, a limit that the later entry leaves out keeps its earlier
 * value.
 */
function mergeIo(limits: IoLimit[]): IoLimit[] {
  const merged = new Map<string, IoLimit>();
  for (const limit of limits) merged.set(limit.device, { ...merged.get(limit.device), ...limit });
  return [...merged.values()];
}

/** Finds limits that are each valid, but do not fit each other. */
export function* resourceProblems(input: ResourcesInput, prefix: string): Iterable<FieldProblem> {
  const { max, burst } = input.cpu ?? {};
  if (burst !== undefined && typeof max === 'number' && durationUsec(burst) > quotaUsec(max))
    yield {
      path: `${prefix}.cpu.burst`,
      found: show(burst),
      allowed: `at most the quota of one period, ${quotaUsec(max) / 1000}ms for ${max} processors`,
    };
  if (burst !== undefined && max === 'max')
    yield { path: `${prefix}.cpu.burst`, found: show(burst), allowed: 'nothing where cpu.max is "max"' };
}

/** Turns limits that fit the schema into numbers of one unit. */
export function normaliseResources(input: ResourcesInput): Resources {
  const { cpu = {}, memory = {}, io = [], pids } = input;
  return {
    cpu: defined({
      max: cpu.max,
      burstUsec: cpu.burst === undefined ? undefined : durationUsec(cpu.burst),
      weight: cpu.weight,
      cpus: cpu.cpus,
    }),
    memory: defined({
      maxBytes: limitBytes(memory.max),
      highBytes: limitBytes(memory.high),
      lowBytes: limitBytes(memory.low),
      minBytes: limitBytes(memory.min),
      swapMaxBytes: limitBytes(memory.swapMax),
      oomGroup: memory.oomGroup,
    }),
    io: io.map(({ device, rbps, wbps, riops, wiops }) => ({
      device,
      ...defined({ rbps: limitBytes(rbps), wbps: limitBytes(wbps), riops, wiops }),
    })),
    ...defined({ pids }),
  };
}

/** Gives the CPU time of so many processors in one period. */
export function quotaUsec(processors: number): number {
  return Math.round(processors * CPU_PERIOD_USEC);
}

function limitBytes(input: number | string | undefined): Limit | undefined {
  return input === undefined || input === 'max' ? input : sizeBytes(input);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out the fields that are undefined. */
function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
