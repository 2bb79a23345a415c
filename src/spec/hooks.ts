import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import type { Hook, Hooks, IntervalHook, Program } from '../protocol/resolved-hooks.js';
import type { HooksInput } from '../protocol/spec.js';
import { show } from './problems.js';
import { durationUsec } from './quantities.js';

/**
 * The points of a container's life at which hooks run, in their order. A hook at one of the first three can make the
 * start fail.
 */
export const FAILABLE_POINTS = ['beforeCreate', 'afterNetwork', 'afterStart'] as const;
export const HOOK_POINTS = [...FAILABLE_POINTS, 'onReady', 'onStop', 'afterExit', 'onFailure'] as const;

type ProgramInput = Omit<NonNullable<HooksInput['beforeCreate']>[number], 'onError'>;

const DEFAULT_TIMEOUT_USEC = 10e6;
const LONGEST_TIMEOUT_USEC = 3600e6;
const SHORTEST_INTERVAL_USEC = 100e3;
const LONGEST_INTERVAL_USEC = 86_400e6;

/** Finds the problems of hooks that a schema cannot find. Pure. */
export function* hookProblems(hooks: HooksInput): Iterable<FieldProblem> {
  for (const [point, list = []] of Object.entries(hooks))
    for (const [i, hook] of list.entries()) {
      const path = `hooks.${point}[${i}]`;
      if (!hook.args[0]?.startsWith('/'))
        yield {
          path: `${path}.args[0]`,
          found: show(hook.args[0]),
          allowed: 'the absolute path of a program on the host',
        };
      yield* outside(`${path}.timeout`, hook.timeout, 1000, LONGEST_TIMEOUT_USEC, 'from 1ms to 1h');
      if ('every' in hook)
        yield* outside(`${path}.every`, hook.every, SHORTEST_INTERVAL_USEC, LONGEST_INTERVAL_USEC, 'from 100ms to 1d');
    }
}

/** Gives a problem if a time is given and is outside of its limits, which are in microseconds. */
export function* outside(
  path: string,
  given: string | number | undefined,
  least: number,
  most: number,
  allowed: string,
): Iterable<FieldProblem> {
  const usec = given === undefined ? null : durationUsec(given);
  if (usec !== null && (usec < least || usec > most)) yield { path, found: show(given), allowed };
}

/** Fills in the defaults of hooks that were checked. */
export function normaliseHooks(input: HooksInput): Hooks {
  const hooks: Hooks = {};
  for (const point of HOOK_POINTS) {
    const onError: Hook['onError'] = FAILABLE_POINTS.some((failable) => failable === point) ? 'fail' : 'log';
    const list = (input[point] ?? []).map((hook): Hook => ({ ...toProgram(hook), onError: hook.onError ?? onError }));
    if (list.length > 0) hooks[point] = list;
  }
  const interval = (input.interval ?? []).map(
    (hook): IntervalHook => ({ ...toProgram(hook), everyUsec: durationUsec(hook.every) }),
  );
  return interval.length > 0 ? { ...hooks, interval } : hooks;
}

function toProgram({ args, env = {}, timeout }: ProgramInput): Program {
  const [file] = args;
  if (file === undefined) throw new NiwaError('INTERNAL', 'a hook without a program has passed the checks');
  return { file, args, env, timeoutUsec: timeout === undefined ? DEFAULT_TIMEOUT_USEC : durationUsec(timeout) };
}

/** Gives the hooks with `change` applied to each program. */
export function mapPrograms(hooks: Hooks, change: <P extends Program>(program: P) => P): Hooks {
  return Object.fromEntries(Object.entries(hooks).map(([point, list]) => [point, list.map((hook) => change(hook))]));
}
