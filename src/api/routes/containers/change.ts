import { IdParams, LifetimeBody, UpdateBody } from '../../../protocol/requests.js';
import { durationUsec } from '../../../spec/quantities.js';
import type { Api, ApiOptions } from '../../api.js';
import { oneContainer } from '../answers.js';

/** Routes that change limits and deadline of a live container. */
export function changeRoutes(api: Api, { runtime }: ApiOptions): void {
  api.patch(
    '/v1/containers/:id',
    {
      schema: {
        operationId: 'updateContainer',
        summary: 'Change limits of a live container; what is left out stays',
        params: IdParams,
        body: UpdateBody,
        response: oneContainer,
      },
    },
    async ({ params, body, caller }) => (await runtime.update(params.id, body.resources, caller, body)).status(),
  );

  api.put(
    '/v1/containers/:id/lifetime',
    {
      schema: {
        operationId: 'setLifetime',
        summary: 'Move the deadline: the lifetime from its start, or what remains from now; null for none',
        params: IdParams,
        body: LifetimeBody,
        response: oneContainer,
      },
    },
    async ({ params, body, caller }) => {
      const change =
        'remaining' in body
          ? { remainingUsec: durationUsec(body.remaining) }
          : { lifetimeUsec: body.lifetime === null ? null : durationUsec(body.lifetime) };
      return (await runtime.setLifetime(params.id, caller, change)).status();
    },
  );
}
