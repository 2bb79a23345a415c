import { Type } from 'typebox';
import { canRun, diagnose } from '../../host/doctor/diagnose.js';
import { readHostFacts } from '../../host/doctor/facts.js';
import { ErrorSchema } from '../../protocol/error-schema.js';
import { DrainStatusSchema } from '../../protocol/host.js';
import type { Api, ApiOptions } from '../api.js';

const failures = { '4xx': ErrorSchema, '5xx': ErrorSchema };

/** The daemon and its host. */
export function hostRoutes(api: Api, { runtime, metrics, version }: ApiOptions): void {
  api.get(
    '/v1/health',
    {
      schema: { summary: 'Whether the daemon answers', response: { 200: Type.Object({ status: Type.Literal('ok') }) } },
    },
    async () => ({ status: 'ok' as const }),
  );

  api.get(
    '/v1/info',
    {
      schema: {
        summary: 'The daemon, its version, its cgroups, and what the doctor says of the host',
        response: { 200: Type.Object({}, { additionalProperties: true }), ...failures },
      },
    },
    async () => {
      const { mount, containers, controllers } = runtime.tree;
      const checks = diagnose(await readHostFacts());
      return {
        version,
        pid: process.pid,
        node: process.version,
        cgroup: { mount, containers, controllers },
        containers: runtime.list().length,
        doctor: { ok: canRun(checks), checks },
      };
    },
  );

  const drainAnswer = { response: { 200: DrainStatusSchema, ...failures } };
  api.get(
    '/v1/drain',
    { schema: { summary: 'Whether this node takes new containers, and what is left of the old ones', ...drainAnswer } },
    async () => runtime.drainStatus(),
  );
  api.post(
    '/v1/drain',
    { schema: { summary: 'Take no new containers; the old ones live out their lifetimes', ...drainAnswer } },
    async ({ caller }) => runtime.drain(caller),
  );
  api.delete('/v1/drain', { schema: { summary: 'Take new containers again', ...drainAnswer } }, async ({ caller }) =>
    runtime.undrain(caller),
  );

  api.get(
    '/v1/openapi.json',
    { schema: { summary: 'This document', response: { 200: Type.Object({}, { additionalProperties: true }) } } },
    async () => api.swagger(),
  );

  api.get(
    '/metrics',
    { schema: { summary: 'Metrics as Prometheus text', response: { 200: Type.String() } } },
    async (_request, reply) => {
      const measured = runtime.list().map((container) => {
        const { id, state, spec } = container;
        return { id, state, owner: spec.owner, usage: container.usage() };
      });
      return reply
        .type(metrics.contentType)
        .serializer(String)
        .send(await metrics.text(measured));
    },
  );
}
