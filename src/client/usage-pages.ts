import { json } from 'node:stream/consumers';
import { NEXT_HEADER } from '../protocol/headers.js';
import type { UsageQuery as UsageFields } from '../protocol/queries.js';
import type { UsageAnswer } from '../protocol/usage-sums.js';
import type { Given, Transport } from './transport.js';

/** Which records are summed, and how. */
export type UsageQuery = Given<UsageFields>;

/** The largest allowed length of a page, because niwad reads all records of the period again for each page. */
const PAGE_LENGTH = 100_000;

/**
 * Gives sums page by page; with `limit`, only the first page.
 * @returns each page with the `after` of the next page; null with the last page
 * @throws NiwaError the errors of the daemon
 */
export async function* usagePages(
  http: Transport,
  query: UsageQuery,
): AsyncGenerator<UsageAnswer & { next: string | null }> {
  for (let asked = { limit: PAGE_LENGTH, ...query }; ; ) {
    const response = await http.request('GET', '/v1/usage', { query: { ...asked } });
    const answer = (await json(response)) as UsageAnswer;
    const next = (response.headers[NEXT_HEADER] as string | undefined) ?? null;
    yield { ...answer, next };
    if (next === null || query.limit !== undefined) return;
    const { since, until } = answer; // the next pages must be of the same period, also if the period ends now
    asked = { ...asked, after: next, ...(since === null ? {} : { since }), ...(until === null ? {} : { until }) };
  }
}
