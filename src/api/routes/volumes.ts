import { Type } from 'typebox';
import { VolumeBody, VolumeParams, VolumeSchema, VolumesPrunedSchema, VolumesQuery } from '../../protocol/volumes.js';
import type { Api, ApiOptions } from '../api.js';
import { failures } from './answers.js';

/** Routes for named volumes. */
export function volumeRoutes(api: Api, { volumes }: ApiOptions): void {
  api.get(
    '/v1/volumes',
    {
      schema: {
        operationId: 'listVolumes',
        summary: 'List volumes; with size=true each with the bytes of its files, which may take long',
        querystring: VolumesQuery,
        response: { 200: Type.Array(VolumeSchema), ...failures },
      },
    },
    async ({ query: { size }, caller }) => volumes.list(size ?? false, caller),
  );

  api.post(
    '/v1/volumes',
    {
      schema: {
        operationId: 'createVolume',
        summary: 'Make a volume, or give the one of this name that the caller has',
        body: VolumeBody,
        response: { 200: VolumeSchema, ...failures },
      },
    },
    async ({ body: { name }, caller }) => volumes.create(name, caller),
  );

  api.get(
    '/v1/volumes/:name',
    {
      schema: {
        operationId: 'inspectVolume',
        summary: 'A volume, who uses it, and the bytes of its files',
        params: VolumeParams,
        response: { 200: VolumeSchema, ...failures },
      },
    },
    async ({ params: { name }, caller }) => volumes.inspect(name, caller),
  );

  api.delete(
    '/v1/volumes/:name',
    {
      schema: {
        operationId: 'removeVolume',
        summary: 'Remove a volume with its files; refused while a container, also an exited one, or a service names it',
        params: VolumeParams,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async ({ params: { name }, caller }, reply) => {
      await volumes.remove(name, caller);
      return reply.status(204).send(null);
    },
  );

  api.post(
    '/v1/volumes/prune',
    {
      schema: {
        operationId: 'pruneVolumes',
        summary:
          "Remove the caller's volumes that neither a container nor a service names; for root those of all users",
        response: { 200: VolumesPrunedSchema, ...failures },
      },
    },
    async ({ caller }) => volumes.prune(caller),
  );
}
