import { MOMENT_WORDS } from '../protocol/queries.js';
import { SIGNAL_WORDS } from '../protocol/spec/values.js';
import { parseMoment } from '../spec/moment.js';
import { invalid, show } from '../spec/problems.js';
import { signalName, signalNumber } from '../spec/signals.js';

/** What the schemas of requests cannot say. */

/** @throws NiwaError SPEC_INVALID where a container has no readiness check: nobody would ever know */
export function requireReadyCheck(check: object | undefined): void {
  if (check === undefined)
    throw invalid('the request', [
      { path: 'ready', found: 'nothing', allowed: 'a readiness check in the spec of the container' },
    ]);
}

/** Gives the name of a signal. @throws NiwaError SPEC_INVALID where there is no such signal */
export function requireSignal(input: string | number): string {
  const number = signalNumber(input);
  if (number === undefined)
    throw invalid('the request', [{ path: 'signal', found: show(input), allowed: SIGNAL_WORDS }]);
  return signalName(number);
}

/**
 * Gives a moment as Date.toISOString does.
 * @param path the field of the request
 * @param now in milliseconds since 1970
 * @throws NiwaError SPEC_INVALID where the text is none
 */
export function requireMoment(path: string, text: string, now: number): string {
  const moment = parseMoment(text, now);
  if (moment === undefined) throw invalid('the request', [{ path, found: show(text), allowed: MOMENT_WORDS }]);
  return moment;
}
