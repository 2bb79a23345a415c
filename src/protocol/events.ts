import { type Static, Type } from 'typebox';
import { ExitSchema } from './container.js';
import { PLAIN_EVENT_TYPES, SERVICE_EVENT_TYPES } from './event-types.js';
import { ExecEndedSchema, ExecStartedSchema } from './exec.js';
import { nullable, Texts, Time } from './parts.js';
import { WakeLatencySchema } from './services.js';

const PlainTypeSchema = Type.Enum([...PLAIN_EVENT_TYPES]);
export type PlainEventType = Static<typeof PlainTypeSchema>;

const ServiceTypeSchema = Type.Enum([...SERVICE_EVENT_TYPES]);
export type ServiceEventType = Static<typeof ServiceTypeSchema>;

/** The container or the service that an event is about; `service` for a service, and for an instance of one. */
export interface Subject {
  readonly id: string;
  readonly owner: string | null;
  readonly labels: Record<string, string>;
  readonly service?: { readonly name: string } | null | undefined;
}

const happening = {
  seq: Type.Integer({
    description: 'the number of the event; numbers grow, also over restarts of niwad, and no number is used twice',
  }),
  at: Time,
  id: Type.String({
    description: 'the id of the container; with the types that begin with "service-", the name of the service',
  }),
  owner: nullable(Type.String()),
  labels: Texts,
  service: Type.Optional(
    nullable(
      Type.String({
        description:
          'the service that it is about, or of which the container is an instance; null for none, missing in events of an older niwad',
      }),
    ),
  ),
};

/** What an event of a service tells besides its subject. */
const serviceFields = {
  instance: nullable(Type.String({ description: 'the container that it concerns, or null' })),
  why: Type.String({ description: 'the reason, with its figures' }),
  latency: Type.Optional(
    Type.Object(WakeLatencySchema.properties, { description: 'with service-wake: how long it took' }),
  ),
};
const ServiceFieldsSchema = Type.Object(serviceFields);
export type ServiceEventFields = Static<typeof ServiceFieldsSchema>;

/** Something that happened to a container or a service. */
export const RuntimeEventSchema = Type.Union(
  [
    Type.Object({ type: PlainTypeSchema, ...happening }),
    Type.Object({ type: Type.Literal('exit'), ...happening, exit: ExitSchema }),
    Type.Object({ type: Type.Literal('exec-started'), ...happening, exec: ExecStartedSchema }),
    Type.Object({ type: Type.Literal('exec-ended'), ...happening, exec: ExecEndedSchema }),
    Type.Object({ type: ServiceTypeSchema, ...happening, ...serviceFields }),
  ],
  { title: 'Event' },
);
export type RuntimeEvent = Static<typeof RuntimeEventSchema>;
export type RuntimeEventType = RuntimeEvent['type'];

export const EventGapSchema = Type.Object(
  {
    type: Type.Literal('gap'),
    from: Type.Integer({ description: 'the first number that is missing' }),
    to: Type.Integer({ description: 'the last number that is missing' }),
  },
  { title: 'EventGap', description: 'the events with these numbers are not kept any more, or were lost' },
);
export type EventGap = Static<typeof EventGapSchema>;

export const EventPositionSchema = Type.Object(
  {
    type: Type.Literal('position'),
    seq: Type.Integer({ description: 'the number of the last event that was looked at' }),
  },
  {
    title: 'EventPosition',
    description: 'all events up to this number were sent, or do not fit the filters: a client may ask again behind it',
  },
);
export type EventPosition = Static<typeof EventPositionSchema>;

/** A line of a stream of events: an event, or a gap. */
export const EventLineSchema = Type.Union([RuntimeEventSchema, EventGapSchema], { title: 'EventLine' });
export type EventLine = Static<typeof EventLineSchema>;
