import { Type } from 'typebox';
import { IdParams, RemoveQuery, SignalBody, StopBody } from '../../../protocol/requests.js';
import { durationUsec } from '../../../spec/quantities.js';
import type { Api, ApiOptions } from '../../api.js';
import { requireSignal } from '../../requests.js';
import { failures, oneContainer } from '../answers.js';

/** Routes that end containers and forget them. */
export function endRoutes(api: Api, { runtime }: ApiOptions): void {
  api.post(
    '/v1/containers/:id/stop',
    {
      schema: {
        operationId: 'stopContainer',
        summary: 'Stop a container: its stop signal, after the timeout cgroup.kill; answers when it has exited',
        params: IdParams,
        body: Type.Union([StopBody, Type.Null()]),
        response: oneContainer,
      },
    },
    async ({ params, body, caller }) => {
      const timeoutUsec = body?.timeout === undefined ? undefined : durationUsec(body.timeout);
      const signal = body?.signal === undefined ? undefined : requireSignal(body.signal);
      const options = {
        ...(timeoutUsec === undefined ? {} : { timeoutUsec }),
        ...(signal === undefined ? {} : { signal }),
      };
      return (await runtime.stop(params.id, caller, options)).status();
    },
  );

  api.post(
    '/v1/containers/:id/kill',
    {
      schema: {
        operationId: 'killContainer',
        summary: 'Send a signal to the first process, SIGKILL where none is named',
        params: IdParams,
        body: Type.Union([SignalBody, Type.Null()]),
        response: oneContainer,
      },
    },
    async ({ params, body, caller }) =>
      runtime.kill(params.id, caller, requireSignal(body?.signal ?? 'SIGKILL')).status(),
  );

  api.delete(
    '/v1/containers/:id',
    {
      schema: {
        operationId: 'removeContainer',
        summary: 'Forget an exited container; with force=true kill it first',
        params: IdParams,
        querystring: RemoveQuery,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ params, query, caller }, reply) => {
      await runtime.remove(params.id, caller, { force: query.force ?? false });
      return reply.status(204).send(null);
    },
  );
}
