import { type Static, Type } from 'typebox';
import { nullable, Time } from './parts.js';
import { StartPhasesSchema } from './phases.js';
import { IdMapsSchema, ImageIdSchema, ResolvedSpecSchema } from './resolved-spec.js';
import { RatesSchema, UsageSchema } from './usage.js';

export const StateSchema = Type.Union(
  [
    Type.Literal('created'),
    Type.Literal('running'),
    Type.Literal('paused'),
    Type.Literal('stopping'),
    Type.Literal('exited'),
  ],
  { title: 'State', description: 'created, running, paused, stopping or exited' },
);
export type State = Static<typeof StateSchema>;

export const ExitReasonSchema = Type.Union(
  [
    Type.Literal('exited'),
    Type.Literal('signaled'),
    Type.Literal('oom'),
    Type.Literal('lifetime'),
    Type.Literal('stopped'),
    Type.Literal('killed'),
    Type.Literal('start-failed'),
    Type.Literal('unknown'),
  ],
  {
    description: 'why the container ended; unknown where it ended while niwad was away, and the kernel could not tell',
  },
);
export type ExitReason = Static<typeof ExitReasonSchema>;

export const ExitSchema = Type.Object(
  {
    code: nullable(Type.Integer({ description: 'the exit status of the first process; null where a signal ended it' })),
    signal: nullable(Type.String({ description: 'the name of the signal that ended the first process, or null' })),
    reason: ExitReasonSchema,
    at: Time,
  },
  { title: 'Exit', description: 'how and why a container ended' },
);
export type Exit = Static<typeof ExitSchema>;

/** The readiness of a container, as every caller may see it. */
export const ReadinessSchema = Type.Object(
  {
    state: Type.Union([Type.Literal('waiting'), Type.Literal('ready'), Type.Literal('failed')], {
      description: 'waiting, ready or failed',
    }),
    at: nullable(
      Type.String({ format: 'date-time', description: 'when the container became ready, or its check failed' }),
    ),
    took_usec: nullable(Type.Integer({ description: 'microseconds from the start until the container was ready' })),
  },
  { title: 'Readiness', description: 'whether a container is ready for its work' },
);
export type Readiness = Static<typeof ReadinessSchema>;

const NetworkStatusSchema = Type.Object(
  {
    bridge: Type.String({ description: 'the bridge of the node' }),
    device: Type.String({ description: 'the interface on the host that leads to the container' }),
    address: Type.String({ description: 'the IPv4 address of eth0 in the container' }),
    address6: nullable(Type.String({ description: 'its IPv6 address; null on a node without' })),
    mac: Type.String({ description: 'the MAC address of eth0' }),
  },
  { title: 'NetworkStatus', description: 'where a container is on the bridge; the spec has its ports and its group' },
);
export type NetworkStatus = Static<typeof NetworkStatusSchema>;

export const RestartsSchema = Type.Object(
  {
    count: Type.Integer({ description: 'how often the container was started again' }),
    next_at: nullable(
      Type.String({ format: 'date-time', description: 'when its policy starts it again; null where it does not wait' }),
    ),
    stopped: Type.Boolean({
      description:
        'whether a user has stopped it: then its policy does not start it again, but "always" with the next start of niwad',
    }),
    failure: nullable(Type.String({ description: 'why its last restart was refused; null where it was not' })),
  },
  { title: 'Restarts', description: 'the runs before this one, and the next one' },
);

/** A container, as every caller may see it. */
export const ContainerStatusSchema = Type.Object(
  {
    id: Type.String(),
    state: StateSchema,
    pid: nullable(
      Type.Integer({ description: 'the pid of the first process on the host; null when the process has gone' }),
    ),
    created_at: Time,
    started_at: nullable(Time),
    deadline_at: nullable(Type.String({ format: 'date-time', description: 'when the lifetime of the container ends' })),
    ready: nullable(ReadinessSchema),
    ready_made: Type.Boolean({
      description: 'whether it was made ahead, by a pool or a service, and waits for the start that takes it',
    }),
    exit: nullable(ExitSchema),
    network: Type.Union([NetworkStatusSchema, Type.Null()], {
      description: 'its addresses; null where it is not on the bridge, and after its end, when others may have them',
    }),
    restarts: RestartsSchema,
    start_phases_usec: StartPhasesSchema,
    usage: UsageSchema,
    usage_at: Type.String({
      format: 'date-time',
      description:
        'when `usage` was read. In a list it may be one sampling interval old, and ten seconds for a container that is idle',
    }),
    rates: nullable(RatesSchema),
    cgroup: Type.String(),
    userns: Type.Union([IdMapsSchema, Type.Null()], {
      description:
        'the id maps of its user namespace, with ids of the host as "host"; null where it has the user namespace of the host',
    }),
    warnings: Type.Array(Type.String(), {
      description: 'what the container does not have although its user may expect it',
    }),
    image: nullable(ImageIdSchema),
    oci: Type.Optional(
      Type.Object(
        { id: Type.String(), root: Type.String(), bundle: Type.String() },
        {
          title: 'OciName',
          description: 'what the container engine calls it that has made it through niwa-oci; missing where none has',
        },
      ),
    ),
    spec: ResolvedSpecSchema,
  },
  { title: 'ContainerStatus' },
);
export type ContainerStatus = Static<typeof ContainerStatusSchema>;

/** The limits and the identity that a running container really has, in the words of the kernel. */
export const EffectiveSchema = Type.Object(
  {
    uid_map: Type.String({ description: '/proc/PID/uid_map' }),
    gid_map: Type.String(),
    status: Type.Record(Type.String(), Type.String(), { description: 'fields of /proc/PID/status' }),
    namespaces: Type.Record(Type.String(), Type.String(), { description: 'the links of /proc/PID/ns' }),
    limits: Type.Record(Type.String(), Type.String(), { description: '/proc/PID/limits, soft and hard' }),
    oom_score_adj: Type.String(),
    cgroup: Type.Record(Type.String(), Type.String(), { description: 'the files of the group of the container' }),
  },
  { title: 'Effective', description: 'what the kernel says of the first process and of the group' },
);
export type Effective = Static<typeof EffectiveSchema>;

/** A container, and what the kernel says about it while it runs. */
export const ContainerDetailsSchema = Type.Object(
  { ...ContainerStatusSchema.properties, effective: nullable(EffectiveSchema) },
  { title: 'ContainerDetails' },
);
export type ContainerDetails = Static<typeof ContainerDetailsSchema>;
