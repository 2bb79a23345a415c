import { PlannedSchema } from '../../protocol/plan.js';
import { SpecSchema } from '../../protocol/spec.js';
import type { Api, ApiOptions } from '../api.js';
import { failures } from './answers.js';

/** The plan that a start would follow. */
export function planRoute(api: Api, { runtime }: ApiOptions): void {
  api.post(
    '/v1/plan',
    {
      schema: {
        operationId: 'planContainer',
        summary: 'What a start of a spec would do, step by step; nothing is done',
        description: 'The spec as application/json or application/yaml.',
        consumes: ['application/json', 'application/yaml'],
        body: SpecSchema,
        response: { 200: PlannedSchema, ...failures },
      },
    },
    ({ body, caller }) => runtime.plan(body, caller),
  );
}
