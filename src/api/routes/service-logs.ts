import type { Runtime } from '../../containers/runtime.js';
import { ServiceLogLineSchema } from '../../protocol/logs.js';
import { LogsQuery } from '../../protocol/queries.js';
import { ServiceParams } from '../../protocol/requests.js';
import type { Api, ApiOptions } from '../api.js';
import { mergeAsTheyCome, mergeByTime } from '../merge.js';
import { streamValues } from '../stream.js';
import { failures, linesOf } from './answers.js';
import { encode, toRange } from './logs.js';

/** The output of all instances of a service. */
export function serviceLogRoutes(api: Api, { runtime, services }: ApiOptions): void {
  api.get(
    '/v1/services/:name/logs',
    {
      schema: {
        operationId: 'readServiceLogs',
        summary:
          'What the instances of a service have written, in the order of time; with follow=true also what they and later ones write, until it is removed',
        description: 'Lines as those of a container, with the id of the instance. `tail` counts for each instance.',
        params: ServiceParams,
        querystring: LogsQuery,
        response: { 200: linesOf(ServiceLogLineSchema), ...failures },
      },
    },
    async ({ params, query }, reply) => {
      const ids = services.instancesOf(params.name);
      const range = toRange(query);
      const read = (id: string, left: AbortSignal) => withInstance(id, encode(runtime.get(id).log.read(range, left)));
      return streamValues(reply, (left) => {
        const known = ids.map((id) => read(id, left));
        return query.follow === true
          ? mergeAsTheyCome(known, later(runtime, params.name, read, left))
          : mergeByTime(known);
      });
    },
  );
}

async function* withInstance<T extends object>(instance: string, chunks: AsyncIterable<T>) {
  for await (const chunk of chunks) yield { instance, ...chunk };
}

/**
 * Gives the output of each instance that is created from now on, until the service is removed or the reader has gone.
 */
async function* later<T>(
  runtime: Runtime,
  name: string,
  read: (id: string, left: AbortSignal) => AsyncIterable<T>,
  left: AbortSignal,
): AsyncGenerator<AsyncIterable<T>> {
  const created: string[] = [];
  let isOver = false;
  let wake = () => {};
  const stop = runtime.subscribe(({ type, id, service }) => {
    if (service !== name) return;
    if (type === 'create') created.push(id);
    if (type === 'service-remove') isOver = true;
    wake();
  });
  left.addEventListener('abort', () => wake());
  try {
    while (!left.aborted) {
      for (let id = created.shift(); id !== undefined; id = created.shift()) if (runtime.has(id)) yield read(id, left); // a start that has failed is undone before a slow reader comes to it
      if (isOver || left.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (created.length > 0 || left.aborted) resolve();
      });
    }
  } finally {
    stop();
  }
}
