import { Type } from 'typebox';
import { ApplyQuery, ServiceParams } from '../../protocol/requests.js';
import { ServiceInputSchema } from '../../protocol/service.js';
import {
  ApplyAnswerSchema,
  ScaleBody,
  ServiceHistorySchema,
  ServiceStatusSchema,
  WakeAnswerSchema,
} from '../../protocol/services.js';
import type { Api, ApiOptions } from '../api.js';
import { leaving } from '../stream.js';
import { failures } from './answers.js';

const oneService = { 200: ServiceStatusSchema, ...failures };

/** Routes for services. */
export function serviceRoutes(api: Api, options: ApiOptions): void {
  lookRoutes(api, options);
  changeRoutes(api, options);
}

function lookRoutes(api: Api, { services }: ApiOptions): void {
  api.get(
    '/v1/services',
    {
      schema: {
        operationId: 'listServices',
        summary: 'List services in the order of their names',
        response: { 200: Type.Array(ServiceStatusSchema), ...failures },
      },
    },
    async () => services.list().sort((a, b) => (a.name < b.name ? -1 : 1)),
  );

  api.get(
    '/v1/services/:name',
    {
      schema: {
        operationId: 'inspectService',
        summary: 'Everything about a service, and its instances',
        params: ServiceParams,
        response: oneService,
      },
    },
    async ({ params }) => services.get(params.name),
  );

  api.get(
    '/v1/services/:name/history',
    {
      schema: {
        operationId: 'readServiceHistory',
        summary:
          'The decisions with their reasons, and the figures of each minute, of the last hours, the oldest first',
        params: ServiceParams,
        response: { 200: ServiceHistorySchema, ...failures },
      },
    },
    async ({ params }) => await services.history(params.name),
  );
}

function changeRoutes(api: Api, { services }: ApiOptions): void {
  api.put(
    '/v1/services/:name',
    {
      schema: {
        operationId: 'applyService',
        summary: 'Make a service what is wanted: create it, change what differs, or do nothing',
        description:
          'The service as application/json or application/yaml. With dry_run=true nothing changes, and the answer says what would; with now=true the instances that serve are replaced at once, one by one.',
        consumes: ['application/json', 'application/yaml'],
        params: ServiceParams,
        body: ServiceInputSchema,
        querystring: ApplyQuery,
        response: { 200: ApplyAnswerSchema, ...failures },
      },
    },
    async ({ params: { name }, body, query, caller }) => {
      const { dry_run: dryRun = false, now = false } = query;
      return await services.apply(caller, name, named(name, body), { dryRun, now });
    },
  );

  api.delete(
    '/v1/services/:name',
    {
      schema: {
        operationId: 'removeService',
        summary: 'Remove a service: its addresses are closed, its instances finish what they have and end',
        params: ServiceParams,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ params, caller }, reply) => {
      await services.remove(caller, params.name);
      return reply.status(204).send(null);
    },
  );

  api.post(
    '/v1/services/:name/wake',
    {
      schema: {
        operationId: 'wakeService',
        summary: 'Wake a service as a request would; the answer comes when an instance is routed',
        params: ServiceParams,
        response: { 200: WakeAnswerSchema, ...failures },
      },
    },
    async ({ params, caller }, reply) => await services.wake(caller, params.name, leaving(reply.raw)),
  );

  api.put(
    '/v1/services/:name/scale',
    {
      schema: {
        operationId: 'scaleService',
        summary: 'Hold a number of instances, also over an apply; null lets load decide again',
        params: ServiceParams,
        body: ScaleBody,
        response: oneService,
      },
    },
    async ({ params, body, caller }) => await services.scale(caller, params.name, body.instances),
  );
}

/** Gives the service with the name of its path, which the body may leave out. */
function named(name: string, body: unknown): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { service: name, ...body } : body;
}
