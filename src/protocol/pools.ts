import { type Static, Type } from 'typebox';
import { nullable, Time } from './parts.js';
import { NetworkSchema } from './spec/network.js';
import { closed, integer } from './spec/values.js';
import { type SpecInput, SpecSchema } from './spec.js';

/** Pools: containers that are made ahead, so that a start is one message to a process that waits. */

/** The most containers of one pool, and of one service, that are made ahead. */
export const MAX_AHEAD = 256;

/** The name of a pool: the ids of its containers begin with it. */
export const PoolName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,47}$',
  description: '1 to 48 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit',
});

const templateFields = Type.Omit(SpecSchema, ['id', 'network', 'restart']).properties;
const templateNetwork = Type.Omit(NetworkSchema, ['address', 'ports']).properties;

/** The spec of the containers of a pool. */
export const PoolTemplateSchema = Type.Object(
  {
    ...templateFields,
    network: Type.Optional(
      Type.Object(templateNetwork, {
        ...closed,
        title: 'PoolTemplateNetwork',
        description: '{"mode"?, "group"?, "rate"?, "linkLocal"?, "dns"?, "hosts"?}',
      }),
    ),
  },
  {
    ...closed,
    title: 'PoolTemplateInput',
    description:
      'a spec without id, restart, and an address or ports of its own: several of its containers exist at once',
  },
);
export type PoolTemplateInput = Omit<SpecInput, 'id' | 'restart'>;

export const PoolInputSchema = Type.Object(
  {
    name: PoolName,
    ahead: integer(1, MAX_AHEAD, 'how many containers are ready'),
    template: PoolTemplateSchema,
  },
  {
    ...closed,
    title: 'PoolInput',
    examples: [{ name: 'jobs', ahead: 4, template: { root: { image: 'job:1.2' }, lifetime: '1m' } }],
  },
);
export type PoolInput = Omit<Static<typeof PoolInputSchema>, 'template'> & { template: PoolTemplateInput };

export const PoolParams = Type.Object({ name: PoolName }, closed);

const counts = {
  taken: Type.Integer({ description: 'starts that took a ready one, since niwad has started' }),
  missed: Type.Integer({ description: 'starts for which none was ready: their containers were made in the usual way' }),
  thrown_away: Type.Integer({
    description: 'those that were ended without a start, since they were old or did not fit',
  }),
};
export type StockCounts = Record<keyof typeof counts, number>;

/** What is ready of one template. */
export const StockStatusSchema = Type.Object(
  {
    wanted: Type.Integer({ description: 'how many are to be ready' }),
    ready: Type.Integer({ description: 'how many are ready' }),
    ...counts,
    last_failure: nullable(
      Type.Object(
        { at: Time, message: Type.String() },
        {
          description:
            'why the last one could not be made, or has ended while it waited; null where one was started since, or has waited longer than the pause after it',
        },
      ),
    ),
  },
  { title: 'StockStatus', description: 'containers that are made ahead' },
);
export type StockStatus = Static<typeof StockStatusSchema>;

export const PoolStatusSchema = Type.Object(
  {
    name: Type.String(),
    uid: Type.Integer({ description: 'the user who made it: only that user and root see it and start its containers' }),
    created_at: Time,
    ...StockStatusSchema.properties,
    template: Type.Unknown({ description: 'the spec of its containers, as it was written' }),
  },
  { title: 'PoolStatus' },
);
export type PoolStatus = Omit<Static<typeof PoolStatusSchema>, 'template'> & { template: PoolTemplateInput };
