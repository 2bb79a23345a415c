import { type Static, Type } from 'typebox';
import { nullable } from './parts.js';

/** How far the drain of a node has come: how many containers are left, and when they end. */
export const DrainStatusSchema = Type.Object(
  {
    draining: Type.Boolean({ description: 'whether new containers are refused' }),
    remaining: Type.Integer({ description: 'how many containers have not exited' }),
    ends_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'the last deadline of these containers; null where none has a deadline',
    }),
    without_lifetime: Type.Array(Type.String(), { description: 'the ids of those that have no lifetime' }),
  },
  { title: 'DrainStatus' },
);
export type DrainStatus = Static<typeof DrainStatusSchema>;

/** The result of one check of the host. */
export const CheckSchema = Type.Object(
  {
    name: Type.String(),
    status: Type.Enum(['ok', 'warning', 'missing'], {
      description:
        'missing: niwad cannot run without it (only where it is required); warning: something will not work, or not for many containers',
    }),
    required: Type.Boolean(),
    found: Type.String(),
    meaning: Type.String({ description: 'what niwad or its containers use it for' }),
    cure: nullable(Type.String()),
  },
  { title: 'Check', description: 'the result of one check of the host' },
);
export type Check = Static<typeof CheckSchema>;

/** The daemon and its host. */
export const InfoSchema = Type.Object(
  {
    version: Type.String(),
    pid: Type.Integer(),
    node: Type.String({ description: 'the version of Node.js' }),
    cgroup: Type.Object({
      mount: Type.String({ description: 'where the cgroup v2 tree is mounted' }),
      containers: Type.String({ description: 'the directory of the groups of containers' }),
      controllers: Type.Object({
        available: Type.Array(Type.String()),
        missing: Type.Record(Type.String(), Type.String(), {
          description: 'for each missing controller, why it is missing',
        }),
      }),
    }),
    containers: Type.Integer({ description: 'how many containers there are, exited ones included' }),
    doctor: Type.Object({
      ok: Type.Boolean({ description: 'false where something is missing that niwad requires' }),
      summary: Type.String({ description: 'one line: whether niwad can run, and the names of what was found' }),
      checks: Type.Array(CheckSchema),
    }),
  },
  { title: 'Info' },
);
export type Info = Static<typeof InfoSchema>;

/** The answer of a daemon that works. */
export const HealthSchema = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' });
export type Health = Static<typeof HealthSchema>;
