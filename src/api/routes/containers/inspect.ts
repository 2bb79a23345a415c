import { ContainerDetailsSchema } from '../../../protocol/container.js';
import { IdParams } from '../../../protocol/requests.js';
import type { Api, ApiOptions } from '../../api.js';
import { keptBriefly, sendJson } from '../../json.js';
import { failures } from '../answers.js';

export function inspectRoute(api: Api, { runtime }: ApiOptions): void {
  const detailsText = keptBriefly(runtime, ({ view }) => view.detailsText());

  api.get(
    '/v1/containers/:id',
    {
      schema: {
        operationId: 'inspectContainer',
        summary: 'Inspect a container',
        params: IdParams,
        response: { 200: ContainerDetailsSchema, ...failures },
      },
    },
    ({ params }, reply) => sendJson(reply, detailsText(runtime.get(params.id))),
  );
}
