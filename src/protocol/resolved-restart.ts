import { type Static, Type } from 'typebox';
import { Usec } from './parts.js';

/** The restart policy of a resolved spec. */

export const RestartPolicySchema = Type.Object(
  {
    policy: Type.Enum(['on-failure', 'always', 'unless-stopped']),
    backoff: Type.Object({ minUsec: Usec, maxUsec: Usec }),
    max: Type.Union([Type.Integer(), Type.Null()], { description: 'the most restarts in a row; null for no bound' }),
  },
  { title: 'RestartPolicy', description: 'when the container is started again after an end; missing for never' },
);
export type RestartPolicy = Static<typeof RestartPolicySchema>;
