import { Type } from 'typebox';
import type { Container } from '../../engine/container.js';
import { StateSchema } from '../../protocol/container.js';
import { ErrorSchema } from '../../protocol/error-schema.js';
import type { LogChunk } from '../../protocol/logs.js';
import { RatesSchema, UsageSchema } from '../../protocol/usage.js';
import { MOMENT_WORDS } from '../../spec/moment.js';
import { invalid } from '../../spec/problems.js';
import type { Api, ApiOptions } from '../api.js';
import { oncePerTurn, sendJson } from '../json.js';
import { streamArray } from '../paging.js';
import { IdParams, requireMoment } from '../requests.js';
import { streamLines, streamValues } from '../stream.js';

const failures = { '4xx': ErrorSchema, '5xx': ErrorSchema };

const StatsSchema = Type.Object({
  id: Type.String(),
  at: Type.String({ format: 'date-time' }),
  state: StateSchema,
  usage: UsageSchema,
  rates: Type.Union([RatesSchema, Type.Null()]),
});

const StreamQuery = Type.Object(
  { stream: Type.Optional(Type.Boolean({ description: 'true for a line of JSON per interval' })) },
  { additionalProperties: false },
);

const LogsQuery = Type.Object(
  {
    follow: Type.Optional(Type.Boolean({ description: 'true to go on until the container has exited' })),
    since: Type.Optional(Type.String({ description: MOMENT_WORDS })),
    until: Type.Optional(Type.String({ description: MOMENT_WORDS })),
    tail: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('all')], {
        description: 'a number: only so many of the last lines; or all',
      }),
    ),
    stream: Type.Optional(
      Type.Union([Type.Literal('stdout'), Type.Literal('stderr')], { description: 'stdout or stderr' }),
    ),
  },
  { additionalProperties: false },
);

/** Readings, events and output, once or as newline-delimited JSON. */
export function streamRoutes(api: Api, { runtime, sampleIntervalMs }: ApiOptions): void {
  const statsText = oncePerTurn(stats);

  api.get(
    '/v1/containers/:id/stats',
    {
      schema: {
        summary: 'The usage and rates of a container',
        params: IdParams,
        querystring: StreamQuery,
        response: { 200: StatsSchema, ...failures },
      },
    },
    async ({ params, query }, reply) => {
      const container = runtime.get(params.id);
      if (!query.stream) return sendJson(reply, statsText(container));
      return streamLines(reply, ({ push, end }) => {
        push(stats(container));
        const timer = setInterval(() => push(stats(container)), sampleIntervalMs);
        void container.exited.then(() => {
          push(stats(container));
          end();
        });
        return () => clearInterval(timer);
      });
    },
  );

  api.get(
    '/v1/containers/:id/history',
    {
      schema: {
        summary: 'The rates of the last minute, the oldest first',
        params: IdParams,
        response: { 200: Type.Array(Type.Object({}, { additionalProperties: true })), ...failures },
      },
    },
    async ({ params }) => runtime.get(params.id).history.points(),
  );

  api.get(
    '/v1/stats',
    {
      schema: {
        summary: 'The usage and rates of all containers that have not exited; a stream has an array per line',
        querystring: StreamQuery,
        response: { 200: Type.Array(StatsSchema), ...failures },
      },
    },
    async ({ query }, reply) => {
      const live = () => runtime.list().filter(({ state }) => state !== 'exited');
      if (!query.stream) return streamArray(reply, statsTexts(live()));
      const all = () => live().map(stats);
      return streamLines(reply, ({ push }) => {
        push(all());
        const timer = setInterval(() => push(all()), sampleIntervalMs);
        return () => clearInterval(timer);
      });
    },
  );

  api.get(
    '/v1/containers/:id/logs',
    {
      schema: {
        summary: 'What a container has written; with follow=true also what it writes, until it has exited',
        description:
          'Lines of {"time", "stream": "stdout" or "stderr", "data": BASE64}, with "lost": true where something before it was rotated away before it could be sent.',
        params: IdParams,
        querystring: LogsQuery,
        response: failures,
      },
    },
    async ({ params, query }, reply) => {
      const { log } = runtime.get(params.id);
      const { stream, follow } = query;
      const tail = query.tail === 'all' ? undefined : query.tail;
      if (follow && query.until !== undefined)
        throw invalid('the request', [{ path: 'follow', found: 'true', allowed: 'false together with until' }]);
      const range = { sinceUsec: toUsec('since', query.since), untilUsec: toUsec('until', query.until) };
      return streamValues(reply, (left) => encode(log.read({ ...range, tail, stream, follow }, left)));
    },
  );

  api.get(
    '/v1/events',
    { schema: { summary: 'What happens to containers, from now on, a line each', response: failures } },
    async (_request, reply) => streamLines(reply, ({ push }) => runtime.subscribe(push)),
  );
}

/** Each reading is made when it is written. */
function* statsTexts(containers: readonly Container[]): Iterable<string> {
  for (const container of containers) yield JSON.stringify(stats(container));
}

function stats(container: Container) {
  const { id, state } = container;
  return { id, at: new Date().toISOString(), state, usage: container.usage(), rates: container.rates() };
}

async function* encode(chunks: AsyncIterable<LogChunk>) {
  for await (const chunk of chunks) yield { ...chunk, data: chunk.data.toString('base64') };
}

/** Gives a moment in microseconds since 1970. @throws NiwaError SPEC_INVALID */
function toUsec(path: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(requireMoment(path, text, Date.now())) * 1000;
}
