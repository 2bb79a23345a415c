import type { FieldProblem } from '../protocol/errors.js';
import type { RestartPolicy } from '../protocol/resolved-restart.js';
import type { SpecInput } from '../protocol/spec.js';
import { outside } from './hooks.js';
import { show } from './problems.js';
import { durationUsec } from './quantities.js';
import { given, notEmpty, writtenDuration } from './written-values.js';

/** The restart policy of a spec: the problems that a schema cannot find, and the defaults. Pure. */

const DEFAULT_MIN_USEC = 100e3;
const DEFAULT_MAX_USEC = 60e6;

/** Finds the problems of a restart policy that a schema cannot find. */
export function* restartProblems({ restart, autoRemove }: SpecInput): Iterable<FieldProblem> {
  if (restart === undefined) return;
  const { min, max } = restart.backoff ?? {};
  if (autoRemove === true && restart.policy !== 'no')
    yield {
      path: 'autoRemove',
      found: 'true',
      allowed: 'false with a restart policy: a container that is removed at its end cannot be started again',
    };
  yield* outside('restart.backoff.min', min, 10e3, 3600e6, 'from 10ms to 1h');
  yield* outside('restart.backoff.max', max, 1e6, 86_400e6, 'from 1s to 1d');
  const { minUsec, maxUsec } = backoffOf(restart);
  if (minUsec > maxUsec)
    yield {
      path: 'restart.backoff.min',
      found: show(min),
      allowed: 'at most restart.backoff.max, which is 1m by default',
    };
}

/** Fills in the defaults of a restart policy that was checked; undefined where the container is never started again. */
export function normaliseRestart(input: SpecInput['restart']): RestartPolicy | undefined {
  if (input === undefined || input.policy === 'no') return undefined;
  return { policy: input.policy, backoff: backoffOf(input), max: input.max ?? null };
}

/** Writes a restart policy as its user could have written it, without defaults. */
export function writtenRestart({ policy, backoff: { minUsec, maxUsec }, max }: RestartPolicy): SpecInput['restart'] {
  const backoff = given({
    min: minUsec === DEFAULT_MIN_USEC ? undefined : writtenDuration(minUsec),
    max: maxUsec === DEFAULT_MAX_USEC ? undefined : writtenDuration(maxUsec),
  });
  return given({ policy, backoff: notEmpty(backoff), max: max ?? undefined });
}

function backoffOf({ backoff }: NonNullable<SpecInput['restart']>): RestartPolicy['backoff'] {
  const usec = (given: string | number | undefined, otherwise: number) =>
    given === undefined ? otherwise : durationUsec(given);
  return { minUsec: usec(backoff?.min, DEFAULT_MIN_USEC), maxUsec: usec(backoff?.max, DEFAULT_MAX_USEC) };
}
