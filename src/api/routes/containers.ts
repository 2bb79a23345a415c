import { Type } from 'typebox';
import type { Container } from '../../engine/container.js';
import {
  ContainerDetailsSchema,
  ContainerStatusSchema,
  type Exit,
  ExitSchema,
  type Readiness,
  ReadinessSchema,
} from '../../protocol/container.js';
import { ErrorSchema } from '../../protocol/error-schema.js';
import { Duration } from '../../protocol/spec/values.js';
import { SpecSchema } from '../../protocol/spec.js';
import { parseDuration } from '../../protocol/units.js';
import type { Api, ApiOptions } from '../api.js';
import { oncePerTurn, sendJson } from '../json.js';
import {
  IdParams,
  LifetimeBody,
  requireReadyCheck,
  requireSignal,
  SignalBody,
  StopBody,
  UpdateBody,
  WaitFor,
} from '../requests.js';

const failures = { '4xx': ErrorSchema, '5xx': ErrorSchema };
const one = { 200: ContainerStatusSchema, ...failures };

/** The life cycle of containers over HTTP. */
export function containerRoutes(api: Api, { runtime }: ApiOptions): void {
  const detailsText = oncePerTurn((container: Container) => container.details());

  api.post(
    '/v1/containers',
    {
      schema: {
        summary:
          'Create a container; with start=true also start it, with ready=true also wait until it is ready, with wait=true for its end',
        description: 'The spec as application/json or application/yaml.',
        body: SpecSchema,
        querystring: Type.Object(
          {
            start: Type.Optional(Type.Boolean()),
            ready: Type.Optional(Type.Boolean()),
            wait: Type.Optional(Type.Boolean()),
          },
          { additionalProperties: false },
        ),
        response: { 201: ContainerStatusSchema, ...failures },
      },
    },
    async ({ body, query: { start = false, ready = false, wait = false }, caller }, reply) => {
      if (ready) requireReadyCheck(body?.ready);
      const started = start || ready || wait;
      const container = started ? await runtime.run(body, caller) : await runtime.create(body, caller);
      if (ready) await container.readyKnown;
      if (wait) await container.exited;
      return reply.status(201).send(container.status());
    },
  );

  api.get(
    '/v1/containers/:id',
    {
      schema: {
        summary: 'Inspect a container',
        params: IdParams,
        response: { 200: ContainerDetailsSchema, ...failures },
      },
    },
    async ({ params }, reply) => sendJson(reply, detailsText(runtime.get(params.id))),
  );

  api.patch(
    '/v1/containers/:id',
    {
      schema: {
        summary: 'Change limits of a live container; what is left out stays',
        params: IdParams,
        body: UpdateBody,
        response: one,
      },
    },
    async ({ params, body, caller }) => (await runtime.update(params.id, body.resources, { ...body, caller })).status(),
  );

  api.delete(
    '/v1/containers/:id',
    {
      schema: {
        summary: 'Forget an exited container; with force=true kill it first',
        params: IdParams,
        querystring: Type.Object({ force: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ params, query }, reply) => {
      await runtime.remove(params.id, { force: query.force ?? false });
      return reply.status(204).send(null);
    },
  );

  api.post(
    '/v1/containers/:id/start',
    { schema: { summary: 'Start a created container', params: IdParams, response: one } },
    async ({ params, caller }) => (await runtime.start(params.id, caller)).status(),
  );

  api.post(
    '/v1/containers/:id/stop',
    {
      schema: {
        summary: 'Stop a container: its stop signal, after the timeout cgroup.kill; answers when it has exited',
        params: IdParams,
        body: Type.Union([StopBody, Type.Null()]),
        response: one,
      },
    },
    async ({ params, body }) => {
      const timeoutUsec = body?.timeout === undefined ? undefined : parseDuration(body.timeout);
      const signal = body?.signal === undefined ? undefined : requireSignal(body.signal);
      const options = {
        ...(timeoutUsec === undefined ? {} : { timeoutUsec }),
        ...(signal === undefined ? {} : { signal }),
      };
      return (await runtime.stop(params.id, options)).status();
    },
  );

  api.post(
    '/v1/containers/:id/kill',
    {
      schema: {
        summary: 'Send a signal to the first process, SIGKILL where none is named',
        params: IdParams,
        body: Type.Union([SignalBody, Type.Null()]),
        response: one,
      },
    },
    async ({ params, body }) => runtime.kill(params.id, requireSignal(body?.signal ?? 'SIGKILL')).status(),
  );

  api.post(
    '/v1/containers/:id/pause',
    { schema: { summary: 'Freeze every process (cgroup.freeze)', params: IdParams, response: one } },
    async ({ params }) => (await runtime.pause(params.id)).status(),
  );

  api.post(
    '/v1/containers/:id/resume',
    { schema: { summary: 'Let a paused container go on', params: IdParams, response: one } },
    async ({ params }) => (await runtime.resume(params.id)).status(),
  );

  api.get(
    '/v1/containers/:id/wait',
    {
      schema: {
        summary: 'Wait for the end of a container; with for=ready until it is ready, or will not be any more',
        params: IdParams,
        querystring: Type.Object(
          { timeout: Type.Optional(Duration), for: Type.Optional(WaitFor) },
          { additionalProperties: false, description: 'after the timeout the answer is 200 with null' },
        ),
        response: { 200: Type.Union([ExitSchema, ReadinessSchema, Type.Null()]), ...failures },
      },
    },
    async ({ params, query: { timeout, for: what = 'exit' } }, reply) => {
      const container = runtime.get(params.id);
      if (what === 'ready') requireReadyCheck(container.spec.ready ?? undefined);
      const awaited: Promise<Exit | Readiness | null> =
        what === 'exit' ? container.exited : container.readyKnown.then(() => container.ready);
      return reply.send(timeout === undefined ? await awaited : await within(awaited, parseDuration(timeout) ?? 0));
    },
  );

  api.put(
    '/v1/containers/:id/lifetime',
    {
      schema: {
        summary: 'Move the deadline: the lifetime from its start, or what remains from now; null for none',
        params: IdParams,
        body: LifetimeBody,
        response: one,
      },
    },
    async ({ params, body }) => {
      const usec = (input: string | number) => parseDuration(input) ?? 0;
      const change =
        'remaining' in body
          ? { remainingUsec: usec(body.remaining) }
          : { lifetimeUsec: body.lifetime === null ? null : usec(body.lifetime) };
      return (await runtime.setLifetime(params.id, change)).status();
    },
  );
}

/** What Node.js's timers take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Gives the value of the promise, or null where it takes longer than the time. */
function within<T>(promise: Promise<T>, usec: number): Promise<T | null> {
  return new Promise((resolve) => {
    const timeout = setTimeout(() => resolve(null), Math.min(usec / 1000, LONGEST_TIMER_MS));
    void promise.then((value) => {
      clearTimeout(timeout);
      resolve(value);
    });
  });
}
