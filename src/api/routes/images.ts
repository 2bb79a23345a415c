import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Images } from '../../images/images.js';
import type { ErrorBody } from '../../protocol/errors.js';
import {
  ImageDetailsSchema,
  ImageSchema,
  ImagesPrunedSchema,
  ImageTar,
  ImportLineSchema,
} from '../../protocol/images.js';
import { ImageQuery, ImportQuery, TagQuery } from '../../protocol/queries.js';
import type { Api, ApiOptions } from '../api.js';
import { toErrorReply } from '../errors.js';
import { leaving, streamLines } from '../stream.js';
import { failures, linesOf } from './answers.js';

/** What the log says of an import whose client has gone. */
const GONE: ErrorBody = { code: 'SPEC_INVALID', message: 'the client has gone before the whole image was there' };
const SAVE_BUFFER_BYTES = 256 * 1024;

/** Routes for images, from which containers get their roots. */
export function imageRoutes(api: Api, { images }: ApiOptions): void {
  api.addContentTypeParser('application/x-tar', async (_request: unknown, body: IncomingMessage) => body);

  api.get(
    '/v1/images',
    {
      schema: {
        operationId: 'listImages',
        summary: 'List images, one for each name',
        response: { 200: Type.Array(ImageSchema), ...failures },
      },
    },
    async () => images.list(),
  );

  api.post(
    '/v1/images',
    {
      config: { upload: true, auditsItself: true },
      bodyLimit: Number.MAX_SAFE_INTEGER, // the body is limited by images.maxBytes instead
      schema: {
        operationId: 'importImage',
        summary: 'Import the image in a tar: an OCI image layout, or what docker save writes',
        description:
          'The body is application/x-tar, which may be compressed by gzip, zstd, xz or bzip2. The answer is a stream of lines: {"type": "receiving" | "unpacking" | "layer" | "warning" | "image", ...}, and as the last one {"type": "error", ...} where it failed.',
        body: { content: { 'application/x-tar': { schema: ImageTar } } },
        querystring: ImportQuery,
        response: { 200: linesOf(ImportLineSchema), ...failures },
      },
    },
    async ({ query: { name }, body, audit }, reply) => {
      const tar = body as IncomingMessage;
      const pieces = tar[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
      return streamLines(reply, ({ push, end }) => {
        const failed = async (error: unknown) => {
          const { body: said } = toErrorReply(error);
          audit?.failed(error, tar.destroyed ? GONE : said);
          push({ type: 'error', ...said });
          // a client that still sends may not read the answer before the whole body is taken
          while (!(await pieces.next()).done);
        };
        const done = images.import(pieces, name, push).then(() => audit?.done(), failed);
        void done.catch(() => {}).then(end);
        return () => {
          if (!tar.complete) tar.destroy();
        };
      });
    },
  );

  api.delete(
    '/v1/images',
    {
      schema: {
        operationId: 'removeImage',
        summary: 'Forget a name of an image; running containers keep what they have',
        querystring: ImageQuery,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ query: { name }, caller }, reply) => {
      await images.remove(name, caller.uid);
      return reply.status(204).send(null);
    },
  );

  oneImageRoutes(api, images);
}

/** Routes for an image that niwad has. */
function oneImageRoutes(api: Api, images: Images): void {
  api.get(
    '/v1/images/inspect',
    {
      schema: {
        operationId: 'inspectImage',
        summary: 'An image with its names, and what its containers get from it',
        querystring: ImageQuery,
        response: { 200: ImageDetailsSchema, ...failures },
      },
    },
    async ({ query: { name } }) => images.inspect(name),
  );

  api.put(
    '/v1/images/tag',
    {
      schema: {
        operationId: 'tagImage',
        summary: 'Give an image one more name; an image that had this name loses it',
        querystring: TagQuery,
        response: { 200: ImageSchema, ...failures },
      },
    },
    async ({ query: { name, added }, caller }) => images.tag(name, added, caller.uid),
  );

  api.post(
    '/v1/images/prune',
    {
      schema: {
        operationId: 'pruneImages',
        summary: 'Remove the images that neither a container, also an exited one, nor a service uses',
        response: { 200: ImagesPrunedSchema, ...failures },
      },
    },
    async () => images.prune(),
  );

  api.get(
    '/v1/images/tar',
    {
      schema: {
        operationId: 'saveImage',
        summary: 'An image as the tar of an OCI image layout, which can be imported again',
        description:
          'niwad has the files of the layers, not their tars. So the layers are made again, always in the same way; their digests, and that of the image, may be others than those of the tar that was imported.',
        querystring: ImageQuery,
        response: { 200: { content: { 'application/x-tar': { schema: ImageTar } } }, ...failures },
      },
    },
    async ({ query: { name }, caller }, reply) => {
      const left = leaving(reply.raw);
      const { bytes, tar, end } = await images.save(name, caller.uid, left);
      const body = Readable.from(tar(), { objectMode: false, highWaterMark: SAVE_BUFFER_BYTES });
      body.once('close', end);
      left.addEventListener('abort', () => body.destroy());
      if (left.aborted) body.destroy();
      return (reply as FastifyReply).type('application/x-tar').header('content-length', bytes).send(body);
    },
  );
}
