import { type Static, Type } from 'typebox';

/** How far a node is on its way to have no containers. */
export const DrainStatusSchema = Type.Object({
  draining: Type.Boolean({ description: 'whether new containers are refused' }),
  remaining: Type.Integer({ description: 'how many containers have not exited' }),
  ends_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'the last deadline among them; null where there is none',
  }),
  without_lifetime: Type.Array(Type.String(), { description: 'those that no lifetime will end' }),
});

export type DrainStatus = Static<typeof DrainStatusSchema>;

/**
 * What one look at the host found. `missing` says that niwad cannot run without it, and is given only where `required`;
 * `warning` says that something will not work, or not for many containers.
 */
export interface Check {
  name: string;
  status: 'ok' | 'warning' | 'missing';
  required: boolean;
  found: string;
  /** What it is good for, so also what is lost without it. */
  meaning: string;
  cure: string | null;
}
