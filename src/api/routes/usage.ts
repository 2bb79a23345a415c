import { type Static, Type } from 'typebox';
import { type UsageKey, type UsageQuery, UsageReport, UsageRowSchema } from '../../accounting/usage-report.js';
import { Lock } from '../../container/lock.js';
import { FilterQuery, toFilter } from '../../spec/filter.js';
import { MOMENT_WORDS, parseMoment } from '../../spec/moment.js';
import { refuse, show } from '../../spec/problems.js';
import { ErrorSchema } from '../errors.js';
import type { Api, ApiOptions } from '../server.js';

const BY_WORDS = 'container, owner or label:NAME';
const Moment = Type.Optional(Type.String({ description: MOMENT_WORDS }));

const Query = Type.Object(
  {
    by: Type.Optional(Type.String({ pattern: '^(container|owner|label:.+)$', description: BY_WORDS })),
    since: Moment,
    until: Moment,
    ...FilterQuery,
  },
  { additionalProperties: false },
);

const Bound = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

/** The sums, and of what. */
const UsageAnswerSchema = Type.Object({
  since: Bound,
  until: Bound,
  by: Type.String({ description: BY_WORDS }),
  rows: Type.Array(UsageRowSchema),
  skipped_lines: Type.Integer({ description: 'damaged lines of the ledger, which could not be read' }),
});
export type UsageAnswer = Static<typeof UsageAnswerSchema>;

/** Sums over the ledger. */
export function usageRoutes(api: Api, { ledger }: ApiOptions): void {
  /** One after another: each reads much, and many at once would take the processor from the containers' own requests. */
  const lock = new Lock();

  api.get(
    '/v1/usage',
    {
      schema: {
        summary: 'What was used in a period, by container, owner or label: from since up to and without until',
        querystring: Query,
        response: { 200: UsageAnswerSchema, '4xx': ErrorSchema, '5xx': ErrorSchema },
      },
    },
    async ({ query: asked, raw }) => {
      const query = toUsageQuery(asked, Date.now());
      return await lock.run(async () => {
        const report = new UsageReport(query);
        const reading = ledger.records(query);
        for await (const record of reading) {
          if (raw.socket.destroyed) break; // nobody waits for it any more
          report.add(record);
        }
        const { since, until } = query;
        const { by = 'container' } = asked;
        return { since, until, by, rows: report.rows(), skipped_lines: reading.skippedLines };
      });
    },
  );
}

/**
 * Makes a query of what was asked.
 * @param now in milliseconds since 1970
 * @throws NiwaError SPEC_INVALID
 */
export function toUsageQuery({ by, since, until, ...query }: Static<typeof Query>, now: number): UsageQuery {
  const period = { since: toMoment('since', since, now), until: toMoment('until', until, now) };
  if (period.since !== null && period.until !== null && period.since > period.until)
    refuse('the request', [
      { path: 'since', found: show(since), allowed: `a time before until, which is ${show(until)}` },
    ]);
  return { ...period, by: toKey(by ?? 'container'), filter: toFilter(query) };
}

function toMoment(path: string, text: string | undefined, now: number): string | null {
  if (text === undefined) return null;
  const moment = parseMoment(text, now);
  if (moment === undefined) refuse('the request', [{ path, found: show(text), allowed: MOMENT_WORDS }]);
  return moment ?? null;
}

function toKey(by: string): UsageKey {
  return by === 'container' || by === 'owner' ? by : { label: by.slice('label:'.length) };
}
