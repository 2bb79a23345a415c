import { IdParams } from '../../../protocol/requests.js';
import type { Api, ApiOptions } from '../../api.js';
import { oneContainer } from '../answers.js';

/** Routes that start, pause and resume containers. */
export function runRoutes(api: Api, { runtime }: ApiOptions): void {
  api.post(
    '/v1/containers/:id/start',
    {
      schema: {
        operationId: 'startContainer',
        summary: 'Start a container that was created, or that has ended',
        params: IdParams,
        response: oneContainer,
      },
    },
    async ({ params, caller }) => (await runtime.start(params.id, caller)).status(),
  );

  api.post(
    '/v1/containers/:id/pause',
    {
      schema: {
        operationId: 'pauseContainer',
        summary: 'Freeze every process (cgroup.freeze)',
        params: IdParams,
        response: oneContainer,
      },
    },
    async ({ params, caller }) => (await runtime.pause(params.id, caller)).status(),
  );

  api.post(
    '/v1/containers/:id/resume',
    {
      schema: {
        operationId: 'resumeContainer',
        summary: 'Let a paused container go on',
        params: IdParams,
        response: oneContainer,
      },
    },
    async ({ params, caller }) => (await runtime.resume(params.id, caller)).status(),
  );
}
