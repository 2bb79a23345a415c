import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Container } from '../../engine/container.js';
import { StreamQuery } from '../../protocol/queries.js';
import { IdParams } from '../../protocol/requests.js';
import { type Stats, StatsSchema } from '../../protocol/stats.js';
import { HistoryPointSchema } from '../../protocol/usage.js';
import type { Api, ApiOptions } from '../api.js';
import { keptBriefly, sendJson } from '../json.js';
import { piecesOf, streamArray } from '../paging.js';
import { streamLines, streamTexts } from '../stream.js';
import { failures, onceOrLinesOf } from './answers.js';

/** Readings of one container or of all containers, once or as newline-delimited JSON. */
export function statsRoutes(api: Api, options: ApiOptions): void {
  oneContainersStats(api, options);
  allStats(api, options);
  history(api, options);
}

function oneContainersStats(api: Api, { runtime, sampleIntervalMs }: ApiOptions): void {
  const statsText = keptBriefly(runtime, (container) => JSON.stringify(statsOf(container)));

  api.get(
    '/v1/containers/:id/stats',
    {
      schema: {
        operationId: 'readStats',
        summary: 'The usage and rates of a container',
        params: IdParams,
        querystring: StreamQuery,
        response: { 200: onceOrLinesOf(StatsSchema), ...failures },
      },
    },
    ({ params, query }, reply) => {
      const container = runtime.get(params.id);
      if (!query.stream) return sendJson(reply, statsText(container));
      streamLines(reply, ({ push, end }) => {
        push(statsOf(container));
        const timer = setInterval(() => push(statsOf(container)), sampleIntervalMs);
        void container.exited.then(() => {
          push(statsOf(container));
          end();
        });
        return () => clearInterval(timer);
      });
    },
  );
}

function allStats(api: Api, { runtime, sampleIntervalMs }: ApiOptions): void {
  api.get(
    '/v1/stats',
    {
      schema: {
        operationId: 'readAllStats',
        summary: 'The usage and rates of all containers that have not exited; a stream has an array per line',
        querystring: StreamQuery,
        response: { 200: onceOrLinesOf(Type.Array(StatsSchema)), ...failures },
      },
    },
    async ({ query }, reply) => {
      const live = () => runtime.list().filter(({ state }) => state !== 'exited');
      if (!query.stream) return streamArray(reply, textsOf(live(), statsOf));
      return streamTexts(reply, (left) => eachInterval(live, sampleIntervalMs, left));
    },
  );
}

function history(api: Api, { runtime }: ApiOptions): void {
  api.get(
    '/v1/containers/:id/history',
    {
      schema: {
        operationId: 'readHistory',
        summary: 'The rates of the last minute, the oldest first',
        params: IdParams,
        response: { 200: Type.Array(HistoryPointSchema), ...failures },
      },
    },
    async ({ params }) => runtime.get(params.id).meter.history.points(),
  );
}

/** Gives all readings of the sampler, a line of JSON in each interval; a slow reader gets fewer lines. */
async function* eachInterval(
  live: () => readonly Container[],
  intervalMs: number,
  left: AbortSignal,
): AsyncGenerator<string> {
  while (!left.aborted) {
    const next = sleep(intervalMs, undefined, { signal: left }).catch(() => {});
    yield* piecesOf(textsOf(live(), recentStatsOf));
    yield '\n';
    await next;
  }
}

/** Makes each reading only when it is written. */
function* textsOf(containers: readonly Container[], read: (of: Container) => Stats): Iterable<string> {
  for (const container of containers) yield JSON.stringify(read(container));
}

function statsOf(container: Container): Stats {
  const { id, state } = container;
  return { id, at: new Date().toISOString(), state, usage: container.usage(), rates: container.rates() };
}

/** The same of the sampler's newest reading. */
function recentStatsOf(container: Container): Stats {
  const { id, state, meter } = container;
  const at = (meter.readAt ?? new Date()).toISOString();
  return { id, at, state, usage: meter.recentUsage(), rates: meter.rates() };
}
