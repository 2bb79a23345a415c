import { Type } from 'typebox';
import { nameForTurns } from '../../access/allowed.js';
import type { Wanted } from '../../containers/events/event-log.js';
import { EventLineSchema, EventPositionSchema, type RuntimeEvent } from '../../protocol/events.js';
import { AFTER_HEADER, POSITIONS_HEADER } from '../../protocol/headers.js';
import { EventsHeaders, EventsQuery } from '../../protocol/queries.js';
import { fits, toFilter } from '../../spec/filter.js';
import type { Api, ApiOptions } from '../api.js';
import { requireMoment } from '../requests.js';
import { streamTexts } from '../stream.js';
import { failures, linesOf } from './answers.js';

/** Route for the events of containers. */
export function eventRoutes(api: Api, { runtime: { events } }: ApiOptions): void {
  api.get(
    '/v1/events',
    {
      schema: {
        operationId: 'streamEvents',
        summary:
          'What happens to containers, a line each, from now on, or from an earlier event on, without end or up to a time',
        description: `The header ${AFTER_HEADER} has the number behind which the stream begins. A gap stands for events that are not there.`,
        querystring: EventsQuery,
        headers: EventsHeaders,
        response: { 200: linesOf(Type.Union([EventLineSchema, EventPositionSchema])), ...failures },
      },
    },
    async ({ query, headers, caller }, reply) => {
      const positions = headers[POSITIONS_HEADER] === 'true';
      const wanted = { reader: nameForTurns(caller), positions, ...toWanted(query, events.last, Date.now()) };
      reply.header(AFTER_HEADER, wanted.after);
      return streamTexts(reply, (left) => events.follow(wanted, left));
    },
  );
}

/**
 * Turns a query into a request to the log of events.
 * @param last the sequence number of the last event: without `after` and `since`, only newer events are sent,
 *   unless `until` is past: then all that are kept up to that time
 * @param now in milliseconds since 1970
 * @throws NiwaError SPEC_INVALID
 */
export function toWanted(
  { after, since, until, id, type, ...query }: EventsQuery,
  last: number,
  now: number,
): Omit<Wanted, 'reader' | 'positions'> {
  const filter = toFilter(query);
  const [ids, types] = [id, type].map((one) => (one === undefined ? undefined : new Set<string>([one].flat())));
  const end = until === undefined ? null : requireMoment('until', until, now);
  const isPast = since !== undefined || (end !== null && Date.parse(end) <= now);
  return {
    after: after ?? (isPast ? 0 : last),
    until: end,
    since: since === undefined ? null : requireMoment('since', since, now),
    fits: (event: RuntimeEvent) =>
      (ids?.has(event.id) ?? true) && (types?.has(event.type) ?? true) && fits(filter, event),
  };
}
