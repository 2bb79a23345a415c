import { Type } from 'typebox';
import { type Exit, ExitSchema, type Readiness, ReadinessSchema } from '../../../protocol/container.js';
import { IdParams, WaitQuery } from '../../../protocol/requests.js';
import { durationUsec } from '../../../spec/quantities.js';
import type { Api, ApiOptions } from '../../api.js';
import { requireReadyCheck } from '../../requests.js';
import { failures } from '../answers.js';

export function waitRoute(api: Api, { runtime }: ApiOptions): void {
  api.get(
    '/v1/containers/:id/wait',
    {
      schema: {
        operationId: 'waitForContainer',
        summary: 'Wait for the end of a container; with for=ready until it is ready, or will not be any more',
        params: IdParams,
        querystring: WaitQuery,
        response: { 200: Type.Union([ExitSchema, ReadinessSchema, Type.Null()]), ...failures },
      },
    },
    async ({ params, query: { timeout, for: what = 'exit' } }, reply) => {
      const container = runtime.get(params.id);
      if (what === 'ready') requireReadyCheck(container.spec.ready ?? undefined);
      const awaited: Promise<Exit | Readiness | null> =
        what === 'exit' ? container.exited : container.readyKnown.then(() => container.ready);
      return reply.send(timeout === undefined ? await awaited : await within(awaited, durationUsec(timeout)));
    },
  );
}

/** The longest time that timers of Node.js accept. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Gives the value of the promise; null if the promise takes longer than the given time. */
function within<T>(promise: Promise<T>, usec: number): Promise<T | null> {
  return new Promise((resolve) => {
    const timeout = setTimeout(() => resolve(null), Math.min(usec / 1000, LONGEST_TIMER_MS));
    void promise.then((value) => {
      clearTimeout(timeout);
      resolve(value);
    });
  });
}
