import { Type } from 'typebox';
import { ContainerStatusSchema } from '../../protocol/container.js';
import { PoolInputSchema, PoolParams, PoolStatusSchema } from '../../protocol/pools.js';
import { StartFromPoolQuery } from '../../protocol/requests.js';
import type { Api, ApiOptions } from '../api.js';
import { sendJson } from '../json.js';
import { requireReadyCheck } from '../requests.js';
import { failures } from './answers.js';

/** Routes for pools, whose containers are made ahead. */
export function poolRoutes(api: Api, options: ApiOptions): void {
  lookRoutes(api, options);
  changeRoutes(api, options);
  startRoute(api, options);
}

function lookRoutes(api: Api, { pools }: ApiOptions): void {
  api.get(
    '/v1/pools',
    {
      schema: {
        operationId: 'listPools',
        summary: "List the caller's pools in the order of their names; for root those of all users",
        response: { 200: Type.Array(PoolStatusSchema), ...failures },
      },
    },
    async ({ caller }) => pools.list(caller),
  );

  api.get(
    '/v1/pools/:name',
    {
      schema: {
        operationId: 'inspectPool',
        summary: 'A pool: how many containers are ready, and how many starts took one',
        params: PoolParams,
        response: { 200: PoolStatusSchema, ...failures },
      },
    },
    async ({ params, caller }) => pools.get(caller, params.name),
  );
}

function changeRoutes(api: Api, { pools }: ApiOptions): void {
  api.post(
    '/v1/pools',
    {
      schema: {
        operationId: 'createPool',
        summary: 'Make a pool, or change the one of this name that the caller has',
        description:
          'The pool as application/json or application/yaml. Containers of another template are thrown away, and made anew.',
        consumes: ['application/json', 'application/yaml'],
        body: PoolInputSchema,
        response: { 200: PoolStatusSchema, ...failures },
      },
    },
    async ({ body, caller }) => await pools.create(caller, body),
  );

  api.delete(
    '/v1/pools/:name',
    {
      schema: {
        operationId: 'removePool',
        summary: 'Remove a pool and what it has ready; containers that were started go on',
        params: PoolParams,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ params, caller }, reply) => {
      await pools.remove(caller, params.name);
      return reply.status(204).send(null);
    },
  );
}

function startRoute(api: Api, { pools }: ApiOptions): void {
  api.post(
    '/v1/pools/:name/start',
    {
      schema: {
        operationId: 'startFromPool',
        summary:
          'Start a container of a pool: one that is ready, or a new one; with ready=true also wait until it is ready, with wait=true for its end',
        description:
          'The answer is that of createContainer with start=true. The id is given when the container is made.',
        params: PoolParams,
        querystring: StartFromPoolQuery,
        response: { 201: ContainerStatusSchema, ...failures },
      },
    },
    async ({ params: { name }, query: { ready = false, wait = false }, caller, audit }, reply) => {
      if (ready) requireReadyCheck(pools.get(caller, name).template.ready);
      const container = await pools.start(caller, name);
      audit?.done({ id: container.id }); // now: the answer may wait for the end of the container
      if (ready) await container.readyKnown;
      if (wait) await container.exited;
      sendJson(reply.status(201), container.view.answerText());
      return reply;
    },
  );
}
