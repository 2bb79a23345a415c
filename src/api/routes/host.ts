import { totalmem } from 'node:os';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { canRun, diagnose } from '../../host/doctor/diagnose.js';
import { readHostFacts } from '../../host/doctor/facts.js';
import { checkServices } from '../../host/doctor/services.js';
import { summaryOf } from '../../host/doctor/summary.js';
import { DrainStatusSchema, type Health, HealthSchema, InfoSchema } from '../../protocol/host.js';
import type { Api, ApiOptions } from '../api.js';
import { sendJson } from '../json.js';
import { metricsText } from '../metrics-text.js';
import { failures } from './answers.js';

const OpenApiSchema = Type.Object({}, { title: 'OpenApiDocument', additionalProperties: true });
const metricsAnswer = {
  description: 'in the text format of Prometheus',
  content: { 'text/plain': { schema: Type.String({ title: 'Metrics' }) } },
};

const HEALTHY = JSON.stringify({ status: 'ok' } satisfies Health);

/** Routes about the daemon and its host. */
export function hostRoutes(api: Api, options: ApiOptions): void {
  stateRoutes(api, options);
  drainRoutes(api, options);
  metricsRoute(api, options);
}

function stateRoutes(api: Api, { runtime, services, version }: ApiOptions): void {
  api.get(
    '/v1/health',
    {
      schema: {
        operationId: 'checkHealth',
        summary: 'Whether the daemon answers',
        response: { 200: HealthSchema, ...failures },
      },
    },
    (_request, reply) => sendJson(reply, HEALTHY),
  );

  api.get(
    '/v1/info',
    {
      schema: {
        operationId: 'readInfo',
        summary: 'The daemon, its version, its cgroups, and what the doctor says of the host',
        response: { 200: InfoSchema, ...failures },
      },
    },
    async () => {
      const { mount, containers, controllers } = runtime.tree;
      const { available, missing } = controllers;
      const specs = services.list().map(({ spec }) => spec);
      const checks = [...diagnose(await readHostFacts()), checkServices(specs, totalmem())];
      return {
        version,
        pid: process.pid,
        node: process.version,
        cgroup: { mount, containers, controllers: { available: [...available], missing } },
        containers: runtime.list().length,
        doctor: { ok: canRun(checks), summary: summaryOf(checks), checks },
      };
    },
  );

  api.get(
    '/v1/openapi.json',
    { schema: { operationId: 'readOpenApi', summary: 'This document', response: { 200: OpenApiSchema, ...failures } } },
    async () => api.swagger(),
  );
}

function drainRoutes(api: Api, { runtime }: ApiOptions): void {
  const drainAnswer = { response: { 200: DrainStatusSchema, ...failures } };
  api.get(
    '/v1/drain',
    {
      schema: {
        operationId: 'readDrain',
        summary: 'Whether this node takes new containers, and what is left of the old ones',
        ...drainAnswer,
      },
    },
    async () => runtime.drainStatus(),
  );
  api.post(
    '/v1/drain',
    {
      schema: {
        operationId: 'drain',
        summary: 'Take no new containers; the old ones live out their lifetimes',
        ...drainAnswer,
      },
    },
    async ({ caller }) => runtime.drain(caller),
  );
  api.delete(
    '/v1/drain',
    { schema: { operationId: 'undrain', summary: 'Take new containers again', ...drainAnswer } },
    async ({ caller }) => runtime.undrain(caller),
  );
}

function metricsRoute(api: Api, { runtime, services, metrics }: ApiOptions): void {
  api.get(
    '/metrics',
    {
      schema: {
        operationId: 'readMetrics',
        summary: 'Metrics as Prometheus text',
        response: { 200: metricsAnswer, ...failures },
      },
    },
    async (_request, reply) => {
      const pieces = await metricsText({ runtime, services, metrics });
      return (reply as FastifyReply).type(metrics.contentType).send(Readable.from(pieces, { objectMode: false }));
    },
  );
}
