import { type Static, Type } from 'typebox';
import { StateSchema } from './container.js';
import { nullable, Time } from './parts.js';
import { RatesSchema, UsageSchema } from './usage.js';

/** One reading of a container's usage. */
export const StatsSchema = Type.Object(
  { id: Type.String(), at: Time, state: StateSchema, usage: UsageSchema, rates: nullable(RatesSchema) },
  { title: 'Stats' },
);
export type Stats = Static<typeof StatsSchema>;
