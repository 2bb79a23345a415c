import { Type } from 'typebox';
import { PortHolderSchema } from '../../protocol/services.js';
import type { Api, ApiOptions } from '../api.js';
import { failures } from './answers.js';

/** The ports of the node that containers and services hold. */
export function portRoutes(api: Api, { services }: ApiOptions): void {
  api.get(
    '/v1/ports',
    {
      schema: {
        operationId: 'listPorts',
        summary: 'Who holds which port of this node: published ports of containers, and addresses of services',
        response: { 200: Type.Array(PortHolderSchema), ...failures },
      },
    },
    async () => services.addresses(),
  );
}
