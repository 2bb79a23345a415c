import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Attachment } from '../../engine/attachment.js';
import type { Exec } from '../../engine/exec.js';
import { ExecSchema, ExecStartedSchema } from '../../protocol/exec.js';
import { FRAME } from '../../protocol/frames.js';
import { AttachQuery } from '../../protocol/queries.js';
import { IdParams } from '../../protocol/requests.js';
import type { Api, ApiOptions } from '../api.js';
import { type Output, type Session, serveSession } from '../session.js';
import { requireUpgrade, takeConnection } from '../upgrade.js';
import { failures } from './answers.js';

const answers = { 101: Type.Null(), ...failures };
const FRAMES = 'Upgrade: niwa-stream; then frames both ways: type (u8), length (u32, big-endian), payload.';
const DETACHED = 'With "detach": an ordinary answer, 201; the process goes on without the client.';

/** Routes for execs and attached terminals, over upgraded connections. */
export function execRoutes(api: Api, { runtime, log }: ApiOptions): void {
  const serve = (request: FastifyRequest, reply: FastifyReply, session: Session) => {
    request.audit?.done();
    serveSession(takeConnection(request, reply), session).catch((error: unknown) => {
      log.error({ err: error, id: (request.params as { id: string }).id }, 'a session failed');
    });
    return reply;
  };

  api.post(
    '/v1/containers/:id/exec',
    {
      schema: {
        operationId: 'execInContainer',
        summary: 'Run a further process in a container',
        description: `${FRAMES} ${DETACHED}`,
        params: IdParams,
        body: ExecSchema,
        response: { ...answers, 201: ExecStartedSchema },
      },
    },
    async (request, reply) => {
      const { caller, params, body } = request;
      if (isDetached(body)) return reply.code(201).send(await runtime.execDetached(params.id, body, caller));
      requireUpgrade(request);
      return serve(request, reply, sessionOfExec(await runtime.exec(params.id, body, caller)));
    },
  );

  api.post(
    '/v1/containers/:id/attach',
    {
      schema: {
        operationId: 'attachToContainer',
        summary: 'Hear what a container writes, and write to its terminal or its standard input where it has one',
        description: FRAMES,
        params: IdParams,
        querystring: AttachQuery,
        response: answers,
      },
    },
    async (request, reply) => {
      requireUpgrade(request);
      const { caller, params, query } = request;
      const { id } = params;
      const attachment = await runtime.attach(id, caller, query.stdin ?? true);
      return serve(
        request,
        reply,
        sessionOfAttachment(attachment, (signal) => void runtime.kill(id, caller, signal)),
      );
    },
  );
}

/** The body is not checked yet; what is no boolean is refused later. */
function isDetached(body: unknown): boolean {
  return (body as { detach?: unknown } | null)?.detach === true;
}

function sessionOfExec(exec: Exec): Session {
  const streams = exec.stderr === null ? [] : [outputOf(exec.stderr, FRAME.stderr)];
  return {
    stdin: exec.stdin,
    outputs: [outputOf(exec.stdout, FRAME.stdout), ...streams],
    resize: (rows, columns) => exec.resize(rows, columns),
    kill: (signal) => exec.kill(signal),
    exited: exec.exited,
    close: () => exec.close(),
  };
}

async function* outputOf(stream: Readable, type: number): AsyncGenerator<Output> {
  for await (const data of stream as AsyncIterable<Buffer>) yield { type, data };
}

function sessionOfAttachment(attachment: Attachment, kill: (signal: string) => void): Session {
  const { stdin, exited, resize, close } = attachment;
  const output = async function* (): AsyncGenerator<Output> {
    for await (const { stream, data } of attachment.output) yield { type: FRAME[stream], data };
  };
  return {
    stdin,
    outputs: [output()],
    resize,
    kill,
    exited,
    close,
  };
}
