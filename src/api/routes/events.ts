import type { Api, ApiOptions } from '../api.js';
import { streamLines } from '../stream.js';
import { failures } from './answers.js';

/** What happens to containers. */
export function eventRoutes(api: Api, { runtime }: ApiOptions): void {
  api.get(
    '/v1/events',
    {
      schema: {
        operationId: 'streamEvents',
        summary: 'What happens to containers, from now on, a line each',
        response: failures,
      },
    },
    async (_request, reply) => streamLines(reply, ({ push }) => runtime.subscribe(push)),
  );
}
