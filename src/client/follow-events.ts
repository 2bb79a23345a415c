import { setTimeout as sleep } from 'node:timers/promises';
import { NiwaError } from '../protocol/errors.js';
import type { EventLine, EventPosition } from '../protocol/events.js';
import { AFTER_HEADER, POSITIONS_HEADER } from '../protocol/headers.js';
import { parseMoment } from '../protocol/moment.js';
import type { EventsQuery } from '../protocol/queries.js';
import type { Transport } from './transport.js';

/** The keeper holds the socket for the next niwad for this long. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 200;
const ASK_FOR_POSITIONS = { [POSITIONS_HEADER]: 'true' };

/**
 * Gives events and gaps, without end unless the query has `until`. If the connection breaks, for example because niwad
 * restarts, the client connects again and continues after the last sequence number that niwad has told: that of an
 * event, of a gap, or of a position behind events that do not fit.
 * @throws NiwaError the error of the first request; DAEMON_UNREACHABLE if the client is closed, or no niwad answers for
 *   30 seconds
 */
export async function* followEvents(
  http: Transport,
  query: { [Name in keyof EventsQuery]?: EventsQuery[Name] | undefined },
): AsyncGenerator<EventLine> {
  const until = timeOf(query.until);
  let place = { ...query, since: timeOf(query.since), until };
  let begun = false;
  for (let untilMs = 0; ; ) {
    try {
      const response = await http.request('GET', '/v1/events', { query: place, headers: ASK_FOR_POSITIONS });
      begun = true;
      untilMs = 0;
      if (place.since === undefined) place = { ...place, after: Number(response.headers[AFTER_HEADER]) };
      let lines = 0;
      for await (const line of http.linesOf<EventLine | EventPosition>(response)) {
        lines++;
        place = { ...place, since: undefined, after: line.type === 'gap' ? line.to : line.seq };
        if (line.type !== 'position') yield line;
      }
      // a niwad that stops ends the stream, too: only an answer without lines says that there is nothing more
      if (lines === 0 && until !== undefined && Date.now() > Date.parse(until)) return;
    } catch (error) {
      if (!begun || http.closed || !isUnreachable(error)) throw error;
      untilMs ||= Date.now() + PATIENCE_MS;
      if (Date.now() > untilMs) throw error;
    }
    if (until === undefined || Date.now() <= Date.parse(until)) await sleep(RETRY_MS);
    if (http.closed) throw new NiwaError('DAEMON_UNREACHABLE', 'the client is closed');
  }
}

/**
 * Turns a span before now into a time, so that it does not count anew with each connection. What is no moment stays as
 * it is: niwad refuses it.
 */
function timeOf(since: string | undefined): string | undefined {
  return since === undefined ? undefined : (parseMoment(since, Date.now()) ?? since);
}

function isUnreachable(error: unknown): boolean {
  return error instanceof NiwaError && error.code === 'DAEMON_UNREACHABLE';
}
