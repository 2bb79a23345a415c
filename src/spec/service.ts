import type { FieldProblem } from '../protocol/errors.js';
import type { Live, Scale, Service } from '../protocol/resolved-service.js';
import { type ServiceInput, ServiceInputSchema } from '../protocol/service.js';
import { isSubnet } from './addresses.js';
import { problemsOf } from './check.js';
import { outside } from './hooks.js';
import { listenProblems, parseListen } from './listen.js';
import { requireNoProblems, show } from './problems.js';
import { durationUsec } from './quantities.js';
import { checkProblems, toCheck } from './ready.js';
import { refusedFields, templateProblems } from './service-template.js';

/**
 * How many addresses, each with each subnet of wake.from, a service may have. The kernel keeps each such pair: for a
 * multiple of these, a change takes it seconds, and no other rules of the node can change meanwhile.
 */
const MAX_WAKERS = 1024;
const HOUR_USEC = 3600e6;
const DAY_USEC = 24 * HOUR_USEC;

const DEFAULT_SCALE: Scale = {
  out: 0.1,
  panic: 0.5,
  in: 0.02,
  target: 0.7,
  windowUsec: 30e6,
  warmupUsec: 2e6,
  settleUsec: 4e6,
};

/**
 * Makes a service of a user's input. Pure: it asks nothing of the host, and nothing is known of the image of the
 * template.
 * @param input of any shape
 * @param isSaved whether a niwad has taken it before, see meaningProblems()
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseService(input: unknown, isSaved = false): Service {
  const refused = [...refusedFields((input as { template?: unknown } | null)?.template)];
  const named = new Set(refused.map(({ path }) => path));
  const others = problemsOf(ServiceInputSchema, input).filter(({ path }) => !named.has(path));
  requireNoProblems('the service', [...refused, ...others]);
  const valid = input as ServiceInput;
  requireNoProblems('the service', allProblems(valid, isSaved));
  return normalise(structuredClone(valid));
}

/**
 * Whether the user asks for scaling in so many words, so that a host without the cpu controller refuses the service.
 */
export function asksForScaling(input: Pick<ServiceInput, 'scale'>): boolean {
  return input.scale !== undefined && input.scale !== 'none';
}

function* allProblems(input: ServiceInput, isSaved: boolean): Iterable<FieldProblem> {
  const { listen, slots = 1, minInstances = 0, drain, idle, live } = input;
  yield* listenProblems(listen);
  if (minInstances > slots)
    yield { path: 'minInstances', found: show(minInstances), allowed: `at most as many as slots: ${slots}` };
  const subnets = input.wake?.from?.length ?? 0;
  if (listen.length * subnets > MAX_WAKERS)
    yield {
      path: 'wake.from',
      found: `${subnets} subnets for ${listen.length} addresses in listen`,
      allowed: `${Math.floor(MAX_WAKERS / listen.length)} subnets for so many addresses`,
    };
  yield* wakeProblems(input.wake ?? {});
  yield* outside('drain', drain, 0, DAY_USEC, 'from 0 to 1d');
  yield* outside('idle.after', idle?.after, 100e3, 365 * DAY_USEC, 'from 100ms to 365d');
  yield* scaleProblems(input.scale);
  if (live !== undefined) yield* checkProblems('live', live);
  yield* outside('live.every', live?.every, 100e3, HOUR_USEC, 'from 100ms to 1h');
  yield* outside('live.timeout', live?.timeout, 10e3, HOUR_USEC, 'from 10ms to 1h');
  yield* templateProblems(input, isSaved);
}

function* wakeProblems({
  timeout,
  from = [],
  backoff = {},
}: NonNullable<ServiceInput['wake']>): Iterable<FieldProblem> {
  yield* outside('wake.timeout', timeout, 100e3, HOUR_USEC, 'from 100ms to 1h');
  for (const [i, subnet] of from.entries())
    if (!isSubnet(subnet))
      yield {
        path: `wake.from[${i}]`,
        found: show(subnet),
        allowed: 'a subnet such as "10.0.0.0/8" or "192.0.2.7/32", without a bit after its prefix',
      };
  yield* outside('wake.backoff.min', backoff.min, 10e3, DAY_USEC, 'from 10ms to 1d');
  yield* outside('wake.backoff.max', backoff.max, 10e3, DAY_USEC, 'from 10ms to 1d');
  const { minUsec, maxUsec } = backoffOf(backoff);
  if (backoff.max !== undefined && maxUsec < minUsec)
    yield { path: 'wake.backoff.max', found: show(backoff.max), allowed: 'at least wake.backoff.min' };
}

function* scaleProblems(scale: ServiceInput['scale']): Iterable<FieldProblem> {
  if (scale === undefined || scale === 'none') return;
  const { out, panic, in: low, target } = { ...DEFAULT_SCALE, ...scale };
  if (!(low < out)) yield { path: 'scale.in', found: show(low), allowed: `less than scale.out: ${out}` };
  if (out > panic) yield { path: 'scale.panic', found: show(panic), allowed: `at least scale.out: ${out}` };
  if (target === 0) yield { path: 'scale.target', found: '0', allowed: 'more than 0' };
  yield* outside('scale.window', scale.window, 1e6, DAY_USEC, 'from 1s to 1d');
  yield* outside('scale.warmup', scale.warmup, 0, HOUR_USEC, 'from 0 to 1h');
  yield* outside('scale.settle', scale.settle, 0, HOUR_USEC, 'from 0 to 1h');
}

function normalise(input: ServiceInput): Service {
  const { service: name, owner = null, labels = {}, port, template, slots = 1, ahead = 0, minInstances = 0 } = input;
  const { wake = {}, drain, idle = {}, scale = {}, live } = input;
  return {
    name,
    owner,
    labels,
    listen: input.listen.map(parseListen).filter((address) => address !== null),
    port,
    template,
    slots,
    ahead,
    minInstances,
    wake: {
      timeoutUsec: usec(wake.timeout, 30e6),
      queue: wake.queue ?? 1024,
      from: wake.from ?? null,
      backoff: backoffOf(wake.backoff ?? {}),
    },
    drainUsec: usec(drain, 30e6),
    idle: { afterUsec: usec(idle.after, 300e6), action: idle.action ?? 'freeze' },
    scale: scale === 'none' ? 'none' : normaliseScale(scale),
    live: live === undefined ? null : normaliseLive(live),
  };
}

/** Where only one of the two is written, the other one gives way. */
function backoffOf({ min, max }: { min?: string | number; max?: string | number }): Service['wake']['backoff'] {
  const minUsec = usec(min, max === undefined ? 1e6 : Math.min(1e6, durationUsec(max)));
  return { minUsec, maxUsec: usec(max, Math.max(60e6, minUsec)) };
}

function normaliseScale({
  window,
  warmup,
  settle,
  ...shares
}: Exclude<ServiceInput['scale'], 'none' | undefined>): Scale {
  return {
    ...DEFAULT_SCALE,
    ...shares,
    windowUsec: usec(window, DEFAULT_SCALE.windowUsec),
    warmupUsec: usec(warmup, DEFAULT_SCALE.warmupUsec),
    settleUsec: usec(settle, DEFAULT_SCALE.settleUsec),
  };
}

function normaliseLive(live: NonNullable<ServiceInput['live']>): Live {
  return {
    check: toCheck(live),
    everyUsec: usec(live.every, 10e6),
    timeoutUsec: usec(live.timeout, 2e6),
    failures: live.failures ?? 3,
  };
}

function usec(given: string | number | undefined, otherwise: number): number {
  return given === undefined ? otherwise : durationUsec(given);
}
