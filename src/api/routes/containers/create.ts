import { ContainerStatusSchema } from '../../../protocol/container.js';
import { CreateQuery } from '../../../protocol/requests.js';
import { SpecSchema } from '../../../protocol/spec.js';
import type { Api, ApiOptions } from '../../api.js';
import { sendJson } from '../../json.js';
import { requireReadyCheck } from '../../requests.js';
import { failures } from '../answers.js';

export function createRoute(api: Api, { runtime }: ApiOptions): void {
  api.post(
    '/v1/containers',
    {
      schema: {
        operationId: 'createContainer',
        summary:
          'Create a container; with start=true also start it, with ready=true also wait until it is ready, with wait=true for its end',
        description: 'The spec as application/json or application/yaml.',
        consumes: ['application/json', 'application/yaml'],
        body: SpecSchema,
        querystring: CreateQuery,
        response: { 201: ContainerStatusSchema, ...failures },
      },
    },
    async ({ body, query: { start = false, ready = false, wait = false }, caller, audit }, reply) => {
      if (ready) requireReadyCheck(body?.ready);
      const started = start || ready || wait;
      const container = started ? await runtime.run(body, caller) : await runtime.create(body, caller);
      audit?.done({ id: container.id, started }); // now: the answer may wait for the end of the container
      if (ready) await container.readyKnown;
      if (wait) await container.exited;
      sendJson(reply.status(201), container.view.answerText());
      return reply;
    },
  );
}
