import { Type } from 'typebox';
import { RatesSchema } from '../../accounting/rates.js';
import { UsageSchema } from '../../accounting/usage.js';
import type { Container } from '../../container/container.js';
import { StateSchema } from '../../container/status.js';
import { ErrorSchema } from '../errors.js';
import { IdParams } from '../requests.js';
import type { Api, ApiOptions } from '../server.js';
import { streamLines } from '../stream.js';

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

/** Readings, events and output, once or as newline-delimited JSON. */
export function streamRoutes(api: Api, { runtime, sampleIntervalMs }: ApiOptions): void {
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
      if (!query.stream) return stats(container);
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
      const all = () =>
        runtime
          .list()
          .filter(({ state }) => state !== 'exited')
          .map(stats);
      if (!query.stream) return all();
      return streamLines(reply, ({ push }) => {
        push(all());
        const timer = setInterval(() => push(all()), sampleIntervalMs);
        return () => clearInterval(timer);
      });
    },
  );

  api.get(
    '/v1/containers/:id/output',
    {
      schema: {
        summary: 'What a container writes: the last 64 KiB, then the rest until its end',
        description: 'Lines of {"stream": "stdout" or "stderr", "data": BASE64}.',
        params: IdParams,
        response: failures,
      },
    },
    async ({ params }, reply) => {
      const { output } = runtime.get(params.id);
      let follow: ReturnType<typeof output.follow> | undefined;
      return streamLines(
        reply,
        ({ push, end }) => {
          follow = output.follow({
            chunk: ({ stream, data }) => push({ stream, data: data.toString('base64') }),
            end,
          });
          return follow.leave;
        },
        () => follow?.drained(),
      );
    },
  );

  api.get(
    '/v1/events',
    { schema: { summary: 'What happens to containers, from now on, a line each', response: failures } },
    async (_request, reply) => streamLines(reply, ({ push }) => runtime.subscribe(push)),
  );
}

function stats(container: Container) {
  const { id, state } = container;
  return { id, at: new Date().toISOString(), state, usage: container.usage(), rates: container.rates() };
}
