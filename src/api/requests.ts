import { parseMoment } from '../protocol/moment.js';
import { MOMENT_WORDS } from '../protocol/queries.js';
import { SIGNAL_WORDS } from '../protocol/spec/values.js';
import { invalid, show } from '../spec/problems.js';
import { signalName, signalNumber } from '../spec/signals.js';

/** Checks of requests that a schema cannot express. */

/**
 * @throws NiwaError SPEC_INVALID if a container has no readiness check: nothing would ever decide whether it is ready
 */
export function requireReadyCheck(check: object | undefined): void {
  if (check === undefined)
    throw invalid('the request', [
      { path: 'ready', found: 'nothing', allowed: 'a readiness check in the spec of the container' },
    ]);
}

/** Gives the name of a signal. @throws NiwaError SPEC_INVALID if there is no such signal */
export function requireSignal(input: string | number): string {
  const number = signalNumber(input);
  if (number === undefined)
    throw invalid('the request', [{ path: 'signal', found: show(input), allowed: SIGNAL_WORDS }]);
  return signalName(number);
}

/**
 * Gives a time in the format of Date.toISOString().
 * @param path the field of the request, for the error
 * @param now in milliseconds since 1970
 * @throws NiwaError SPEC_INVALID if the text is not a time
 */
export function requireMoment(path: string, text: string, now: number): string {
  const moment = parseMoment(text, now);
  if (moment === undefined) throw invalid('the request', [{ path, found: show(text), allowed: MOMENT_WORDS }]);
  return moment;
}
