import { type Static, Type } from 'typebox';
import { Figure, nullable, Texts, Time } from './parts.js';
import { StockStatusSchema } from './pools.js';
import { ServiceSchema } from './resolved-service.js';
import { MAX_SLOTS } from './service.js';
import { closed } from './spec/values.js';

/** Services as the API shows them: their status, and the answers of their operations. */

export const ServiceStateSchema = Type.Enum(['cold', 'waking', 'serving', 'frozen', 'failing', 'removing'], {
  title: 'ServiceState',
  description:
    'cold: no instance runs, a request wakes it; waking: no instance is routed yet, one is started or thawed; serving: requests go to at least one instance; frozen: a request thaws it; failing: starts fail, and requests are refused until the backoff is over; removing: its addresses are closed, its instances end',
});
export type ServiceState = Static<typeof ServiceStateSchema>;

export const InstancePhaseSchema = Type.Enum(
  ['starting', 'ready', 'routed', 'unrouted', 'frozen', 'thawing', 'ending'],
  {
    title: 'InstancePhase',
    description:
      'starting: it does not answer yet; ready: it answers and gets no requests yet; routed: new connections go to it; unrouted: it finishes its connections and gets no new ones; frozen: a request thaws it; thawing: it was thawed and does not answer yet; ending: it was told to stop',
  },
);
export type InstancePhase = Static<typeof InstancePhaseSchema>;

const MaybeTime = nullable(Time);
const MaybeText = nullable(Type.String());
const Count = Type.Integer();
const counts = (description: string) => Type.Record(Type.String(), Count, { description });

const InstanceStatusSchema = Type.Object(
  {
    id: Type.String({ description: 'the id of its container' }),
    phase: InstancePhaseSchema,
    revision: Type.Integer({ description: 'the revision of the service from whose template it was made' }),
    address: MaybeText,
    started_at: MaybeTime,
    ready_at: MaybeTime,
    routed_at: MaybeTime,
    unrouted_at: MaybeTime,
    unrouted_cause: nullable(
      Type.String({
        description: 'replaced, scale-in, idle, sick, outdated, held, draining or removed; null while it is routed',
      }),
    ),
    deadline_at: MaybeTime,
    replaces: nullable(Type.String({ description: 'the instance whose successor it is' })),
    connections: nullable(Type.Integer({ description: 'established now; null where that is not known' })),
    healthy: Type.Boolean({ description: 'false where the check of "live" has failed as often as the service allows' }),
    throttled_share: Type.Union([Type.Number(), Type.Null()], {
      description:
        'the share of the periods of the last second in which its cpu.max held it back; null without the cpu controller',
    }),
  },
  { title: 'InstanceStatus' },
);
export type InstanceStatus = Static<typeof InstanceStatusSchema>;

/** How long a wake took, by its phases: from the first held packet to the release. */
export const WakeLatencySchema = Type.Object(
  {
    total_usec: Count,
    start_usec: Type.Integer({
      description: 'from the request until the container of the instance runs, or is thawed',
    }),
    ready_usec: Type.Integer({ description: 'from then until it answers' }),
    route_usec: Type.Integer({ description: 'from then until the route is there and what was held is let go' }),
  },
  { title: 'WakeLatency' },
);
export type WakeLatency = Static<typeof WakeLatencySchema>;

export const ServiceCountersSchema = Type.Object(
  {
    requests_held: Count,
    requests_held_now: Count,
    wakes: Count,
    connections: Type.Integer({ description: 'new connections that were forwarded' }),
    replacements: Count,
    refused: counts('requests that were refused, by reason'),
    failures: counts('starts that failed, and instances that were lost, by reason'),
  },
  {
    title: 'ServiceCounters',
    description:
      'counted since the service was applied first, or the node was booted. Connections are not counted while no niwad runs, nor those of the last minute before niwad was killed',
  },
);
export type ServiceCounters = Static<typeof ServiceCountersSchema>;

export const ServiceStatusSchema = Type.Object(
  {
    name: Type.String(),
    owner: MaybeText,
    labels: Texts,
    state: ServiceStateSchema,
    listen: Type.Array(Type.String(), { description: 'as it was written, such as "0.0.0.0:8080"' }),
    port: Count,
    slots: Count,
    ahead: StockStatusSchema,
    min_instances: Count,
    hold: nullable(
      Type.Integer({ description: 'the number of instances that "scale" holds; null where load decides' }),
    ),
    revision: Type.Integer({ description: 'grows with each change of the template or of its image' }),
    uid: Type.Integer({ description: 'the user who applied it, with whose rights its instances are made' }),
    created_at: Time,
    applied_at: Time,
    instances: Type.Array(InstanceStatusSchema),
    counters: ServiceCountersSchema,
    last_wake: nullable(Type.Object({ at: Time, ...WakeLatencySchema.properties })),
    throttled_share: Figure,
    backoff_until: MaybeTime,
    last_failure: nullable(
      Type.Object({
        at: Time,
        reason: Type.String(),
        message: Type.String(),
        count: Type.Integer({ description: 'how many starts have failed in a row' }),
      }),
    ),
    warnings: Type.Array(Type.String()),
    spec: ServiceSchema,
  },
  { title: 'ServiceStatus' },
);
export type ServiceStatus = Static<typeof ServiceStatusSchema>;

const ChangeSchema = Type.Object(
  { path: Type.String(), from: Type.Unknown(), to: Type.Unknown() },
  { title: 'Change', description: 'one field that differs, in the words of the file; null where it is not there' },
);
export type Change = Static<typeof ChangeSchema>;

const OutdatedSchema = Type.Object(
  {
    id: Type.String(),
    phase: InstancePhaseSchema,
    revision: Count,
    deadline_at: MaybeTime,
    replaced_now: Type.Boolean({
      description: 'true after an apply with "now"; else it keeps its template, at the longest until deadline_at',
    }),
  },
  { title: 'OutdatedInstance' },
);
export type Outdated = Static<typeof OutdatedSchema>;

export const ApplyAnswerSchema = Type.Object(
  {
    name: Type.String(),
    result: Type.Enum(['created', 'changed', 'unchanged']),
    revision: Count,
    changes: Type.Array(ChangeSchema),
    outdated: Type.Array(OutdatedSchema, { description: 'the instances of an earlier revision' }),
    warnings: Type.Array(Type.String()),
    dry_run: Type.Boolean({ description: 'true where nothing was changed, and this is what would have been' }),
  },
  { title: 'ApplyAnswer' },
);
export type ApplyAnswer = Static<typeof ApplyAnswerSchema>;

export const WakeAnswerSchema = Type.Object(
  {
    name: Type.String(),
    instance: Type.String({ description: 'an instance that is routed' }),
    woken: Type.Boolean({ description: 'false where the service was serving already' }),
    latency: nullable(WakeLatencySchema),
  },
  { title: 'WakeAnswer' },
);
export type WakeAnswer = Static<typeof WakeAnswerSchema>;

export const HistoryEntrySchema = Type.Object(
  {
    at: Time,
    step: Type.String({
      description:
        'start, route, unroute, freeze, thaw, end, ending, ended, refuse, accept, warn, apply, scale or remove',
    }),
    instance: MaybeText,
    why: Type.String({ description: 'the reason, with its figures' }),
  },
  { title: 'ServiceHistoryEntry' },
);
export type HistoryEntry = Static<typeof HistoryEntrySchema>;

export const ServiceFiguresSchema = Type.Object(
  {
    at: Time,
    seconds: Type.Number({ description: 'how long the time was that ended then: a minute, or less' }),
    requests_held: Count,
    wakes: Count,
    slowest_wake: nullable(WakeLatencySchema),
    connections: Type.Integer({ description: 'new connections that were forwarded' }),
    instances: counts('instances at the end, by phase'),
    slots_used: Type.Integer({ description: 'the most instances that were there at once' }),
    throttled_share: Type.Union([Type.Number(), Type.Null()], {
      description: 'the mean of its seconds; null where that is not known',
    }),
    replacements: Count,
    refused: counts('requests that were refused, by reason'),
    failures: counts('starts that failed, and instances that were lost, by reason'),
  },
  { title: 'ServiceFigures', description: 'what a service did in a minute' },
);
export type ServiceFigures = Static<typeof ServiceFiguresSchema>;

export const ServiceHistorySchema = Type.Object(
  {
    decisions: Type.Array(HistoryEntrySchema),
    figures: Type.Array(ServiceFiguresSchema, {
      description: 'one for each minute in which an instance was there or anything happened',
    }),
  },
  { title: 'ServiceHistory' },
);
export type ServiceHistory = Static<typeof ServiceHistorySchema>;

export const PortHolderSchema = Type.Object(
  {
    address: MaybeText,
    family: nullable(
      Type.Union([Type.Literal(4), Type.Literal(6)], { description: 'null for both, where the address is null' }),
    ),
    port: Count,
    protocol: Type.Enum(['tcp', 'udp']),
    kind: Type.Enum(['container', 'service']),
    name: Type.String({ description: 'the id of the container, or the name of the service' }),
    target: Type.Integer({ description: 'the port in the container' }),
  },
  { title: 'PortHolder', description: 'who holds a port of the node; an address that is null stands for all' },
);
export type PortHolder = Static<typeof PortHolderSchema>;

export const ScaleBody = Type.Object(
  {
    instances: Type.Union([Type.Integer({ minimum: 0, maximum: MAX_SLOTS }), Type.Null()], {
      description: 'how many instances to hold, at most as many as slots; null to let load decide again',
    }),
  },
  { ...closed, title: 'ScaleBody', examples: [{ instances: 2 }, { instances: null }] },
);
