import type { FieldProblem } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { SIGNAL_WORDS } from '../protocol/spec/values.js';
import type { SpecInput } from '../protocol/spec.js';
import { show } from './problems.js';
import { durationUsec } from './quantities.js';
import { knownSignal, signalName, signalNumber } from './signals.js';

/** How a container ends: the problems that a schema cannot find, and the defaults. Pure. */

/** The time from the stop signal to SIGKILL, where the spec has none. */
export const DEFAULT_STOP_TIMEOUT_USEC = 10e6;

/** Finds the problems of the lifetime and of the stop that a schema cannot find. */
export function* lifetimeProblems(input: SpecInput): Iterable<FieldProblem> {
  const { lifetime, jitter = 0, stopSignal = 'SIGTERM' } = input;
  if (signalNumber(stopSignal) === undefined)
    yield { path: 'stopSignal', found: show(stopSignal), allowed: SIGNAL_WORDS };
  if (lifetime !== undefined && durationUsec(lifetime) === 0)
    yield { path: 'lifetime', found: show(lifetime), allowed: 'more than 0' };
  const mostUsec = lifetime === undefined ? 0 : durationUsec(lifetime);
  if (durationUsec(jitter) > mostUsec)
    yield { path: 'jitter', found: show(jitter), allowed: 'at most the lifetime, which it shortens at random' };
}

/** Fills in the defaults of the lifetime and of the stop. */
export function normaliseLifetime({
  lifetime,
  jitter = 0,
  stopSignal = 'SIGTERM',
  stopTimeout,
}: SpecInput): Pick<Spec, 'lifetimeUsec' | 'jitterUsec' | 'stopSignal' | 'stopTimeoutUsec'> {
  return {
    lifetimeUsec: lifetime === undefined ? null : durationUsec(lifetime),
    jitterUsec: durationUsec(jitter),
    stopSignal: signalName(knownSignal(stopSignal)),
    stopTimeoutUsec: stopTimeout === undefined ? DEFAULT_STOP_TIMEOUT_USEC : durationUsec(stopTimeout),
  };
}
