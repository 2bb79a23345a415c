import { nameForTurns } from '../../access/allowed.js';
import type { UsageQuery as Sum, UsageKey } from '../../accounting/sums/page.js';
import { NEXT_HEADER } from '../../protocol/headers.js';
import { MAX_AFTER_LENGTH, UsageQuery } from '../../protocol/queries.js';
import { UsageAnswerSchema } from '../../protocol/usage-sums.js';
import { toFilter } from '../../spec/filter.js';
import { invalid, show } from '../../spec/problems.js';
import type { Api, ApiOptions } from '../api.js';
import { streamArray } from '../paging.js';
import { requireMoment } from '../requests.js';
import { leaving } from '../stream.js';
import { failures } from './answers.js';

/** Routes for sums over the ledger. */
export function usageRoutes(api: Api, { sums }: ApiOptions): void {
  api.get(
    '/v1/usage',
    {
      schema: {
        operationId: 'readUsage',
        summary:
          'What was used in a period, by container, id in an engine, owner, service or label: from since up to and without until',
        description: `Rows in the order of their keys. With limit, the header ${NEXT_HEADER} has the "after" of the next page.`,
        querystring: UsageQuery,
        response: { 200: UsageAnswerSchema, ...failures },
      },
    },
    async ({ query: asked, caller }, reply) => {
      const query = toUsageQuery(asked, Date.now());
      const { limit, after, by = 'container' } = asked;
      const wanted = {
        ...(limit === undefined ? {} : { limit }),
        ...(after === undefined ? {} : { after: readAfter(after) }),
      };
      const { texts, next, skipped } = await sums.query(nameForTurns(caller), query, wanted, leaving(reply.raw));
      if (next !== null) reply.header(NEXT_HEADER, writeAfter(next));
      const { since, until } = query;
      const before = `${JSON.stringify({ since, until, by }).slice(0, -1)},"rows":[`;
      return streamArray(reply, texts, { before, after: () => `],"skipped_lines":${skipped}}` });
    },
  );
}

/** A header must be short and ASCII. Text that is not valid Unicode is replaced. @throws NiwaError SPEC_INVALID */
function writeAfter(key: string): string {
  const text = encodeURIComponent(Buffer.from(key).toString());
  if (text.length > MAX_AFTER_LENGTH)
    throw invalid('the request', [
      { path: 'limit', found: 'a page whose last key is too long for `after`', allowed: 'another limit, or none' },
    ]);
  return text;
}

function readAfter(after: string): string {
  try {
    return decodeURIComponent(after);
  } catch {
    return after;
  }
}

/**
 * Turns a request into a query of the sums.
 * @param now in milliseconds since 1970
 * @throws NiwaError SPEC_INVALID
 */
export function toUsageQuery(
  { by, since, until, ...query }: Pick<UsageQuery, 'by' | 'since' | 'until' | 'owner' | 'service' | 'label'>,
  now: number,
): Sum {
  const toMoment = (path: string, text: string | undefined) =>
    text === undefined ? null : requireMoment(path, text, now);
  const period = { since: toMoment('since', since), until: toMoment('until', until) };
  if (period.since !== null && period.until !== null && period.since > period.until)
    throw invalid('the request', [
      { path: 'since', found: show(since), allowed: `a time before until, which is ${show(until)}` },
    ]);
  return { ...period, by: toKey(by ?? 'container'), filter: toFilter(query) };
}

function toKey(by: string): UsageKey {
  const isPlain = by === 'container' || by === 'engine-id' || by === 'owner' || by === 'service';
  return isPlain ? by : { label: by.slice('label:'.length) };
}
