import { Type } from 'typebox';
import { RESTART_POLICIES } from '../restart-policies.js';
import { closed, Duration, integer, MAX_INTEGER } from './values.js';

/** Whether a container that has ended is started again. */
export const RestartSchema = Type.Object(
  {
    policy: Type.Enum([...RESTART_POLICIES], { description: '"no", "on-failure", "always" or "unless-stopped"' }),
    backoff: Type.Optional(
      Type.Object(
        { min: Type.Optional(Duration), max: Type.Optional(Duration) },
        {
          ...closed,
          description:
            'the time before the first restart in a row (100ms), doubled with each, and the longest one (1m)',
        },
      ),
    ),
    max: Type.Optional(
      Type.Union([integer(0, MAX_INTEGER, 'the most restarts in a row'), Type.Null()], {
        description: 'the most restarts in a row, or null for no bound',
      }),
    ),
  },
  { ...closed, description: 'an object with policy, backoff and max' },
);
