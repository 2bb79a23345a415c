import { type Static, Type } from 'typebox';
import type { StopOptions } from '../../../containers/operations/stop.js';
import { IdParams, RemoveQuery, SignalBody, StopBody } from '../../../protocol/requests.js';
import { durationUsec } from '../../../spec/quantities.js';
import type { Api, ApiOptions } from '../../api.js';
import { requireSignal } from '../../requests.js';
import { failures, oneContainer } from '../answers.js';

/** Routes that end containers, end and start them, and forget them. */
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
    async ({ params, body, caller }) => (await runtime.stop(params.id, caller, optionsOf(body))).status(),
  );

  api.post(
    '/v1/containers/:id/restart',
    {
      schema: {
        operationId: 'restartContainer',
        summary: 'Stop a container as stop does, and start it again; answers when it runs',
        params: IdParams,
        body: Type.Union([StopBody, Type.Null()]),
        response: oneContainer,
      },
    },
    async ({ params, body, caller }) => (await runtime.restart(params.id, caller, optionsOf(body))).status(),
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

function optionsOf(body: Static<typeof StopBody> | null): StopOptions {
  const { timeout, signal } = body ?? {};
  return {
    ...(timeout === undefined ? {} : { timeoutUsec: durationUsec(timeout) }),
    ...(signal === undefined ? {} : { signal: requireSignal(signal) }),
  };
}
