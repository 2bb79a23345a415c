import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Exec } from '../../engine/exec.js';
import { type ErrorCode, NiwaError } from '../../protocol/errors.js';
import { CopyInQuery, CopyOutQuery, FilesTar } from '../../protocol/files.js';
import { writeTo } from '../../protocol/frames.js';
import { IdParams } from '../../protocol/requests.js';
import type { Api, ApiOptions } from '../api.js';
import { hasHungUp } from '../peer.js';
import { leaving } from '../stream.js';
import { failures } from './answers.js';

/** How much of what niwa-files says about its failure is read: it runs in the container, which could replace it. */
const WORDS_BYTES = 4096;
const LOOK_MS = 1000;
const CODES: Record<string, ErrorCode> = { ENOENT: 'NOT_FOUND', EBADMSG: 'SPEC_INVALID', EACCES: 'FORBIDDEN' };

/** Routes that copy files into and out of containers, as tars. The body parser for tars is that of the images. */
export function fileRoutes(api: Api, { runtime }: ApiOptions): void {
  const url = '/v1/containers/:id/files';
  const tar = { content: { 'application/x-tar': { schema: FilesTar } } };

  api.get(
    url,
    {
      schema: {
        operationId: 'copyFromContainer',
        summary: 'A file or a directory of a container, as a tar',
        description:
          'The names in the tar begin with the last part of the path, or with "." where that is "/", "." or "..". An answer that is cut off has failed.',
        params: IdParams,
        querystring: CopyOutQuery,
        response: { 200: tar, ...failures },
      },
    },
    async ({ params, query, caller }, reply) => {
      const exec = await runtime.copy(params.id, { out: query }, caller);
      const over = end(exec);
      const left = leaving(reply.raw);
      const stop = () => stopExec(exec);
      left.addEventListener('abort', stop);
      if (left.aborted) stop();
      exec.stdin?.end();
      await begun(exec, over);
      return (reply as FastifyReply)
        .type('application/x-tar')
        .send(Readable.from(bytesOf(exec, over), { objectMode: false }));
    },
  );

  api.put(
    url,
    {
      config: { upload: true },
      bodyLimit: Number.MAX_SAFE_INTEGER, // the container's own limits bound what it takes
      schema: {
        operationId: 'copyToContainer',
        summary: 'Unpack a tar in a container',
        description:
          'What is there is replaced; a directory is kept, and never replaced by a file. Devices are left out. After a failure, what was unpacked before stays.',
        params: IdParams,
        querystring: CopyInQuery,
        body: tar,
        response: { 204: Type.Null({ description: 'unpacked' }), ...failures },
      },
    },
    async ({ params, query, caller, body, raw }, reply) => {
      const exec = await runtime.copy(params.id, { in: query }, caller);
      const over = end(exec);
      exec.stdout.resume();
      // while the process does not read, niwad does not read from the client either
      const look = setInterval(() => {
        if (raw.socket.destroyed || hasHungUp(raw.socket)) stopExec(exec);
      }, LOOK_MS);
      try {
        for await (const piece of body as IncomingMessage) if (exec.stdin !== null) await writeTo(exec.stdin, piece);
        exec.stdin?.end();
        await succeeded(over);
      } finally {
        clearInterval(look);
        stopExec(exec);
      }
      return reply.status(204).send(null);
    },
  );
}

/** Ends the process; does nothing if it has ended. */
function stopExec(exec: Exec): void {
  exec.kill('SIGKILL');
  exec.close();
}

/** Resolves when the process has ended: with the error of its failure, or null. */
async function end(exec: Exec): Promise<NiwaError | null> {
  const words = wordsOf(exec);
  const { code, signal } = await exec.exited;
  return code === 0 ? null : failureOf(await words, signal);
}

async function wordsOf({ stderr }: Exec): Promise<string> {
  let words = '';
  try {
    for await (const piece of stderr ?? []) if (words.length < WORDS_BYTES) words += String(piece);
  } catch {
    // closed before its end
  }
  return words;
}

/** Makes an error of a line such as "ENOENT cannot read /x: No such file or directory". */
function failureOf(words: string, signal: string | null): NiwaError {
  const [, errno = '', text = ''] = /^(E[A-Z0-9]+) ([^\n]*)/.exec(words.slice(0, WORDS_BYTES)) ?? [];
  if (text !== '') return new NiwaError(CODES[errno] ?? 'STATE_CONFLICT', `in the container: ${text}`);
  const how = signal === null ? 'has failed' : `was ended by ${signal}`;
  return new NiwaError('STATE_CONFLICT', `the process that copies ${how} in the container`);
}

async function succeeded(over: Promise<NiwaError | null>): Promise<void> {
  const failure = await over;
  if (failure !== null) throw failure;
}

/** Waits until the tar begins. @throws NiwaError if the process ends before */
async function begun({ stdout }: Exec, over: Promise<NiwaError | null>): Promise<void> {
  await new Promise<void>((resolve) => {
    stdout.once('readable', resolve).once('end', resolve).once('close', resolve);
  });
  if (stdout.readableLength === 0) await succeeded(over);
}

async function* bytesOf(exec: Exec, over: Promise<NiwaError | null>): AsyncGenerator<Buffer> {
  try {
    yield* exec.stdout as AsyncIterable<Buffer>;
    await succeeded(over);
  } finally {
    stopExec(exec);
  }
}
