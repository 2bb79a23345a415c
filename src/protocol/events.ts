import { type Static, Type } from 'typebox';
import { ExitSchema } from './container.js';
import { PLAIN_EVENT_TYPES } from './event-types.js';
import { nullable, Texts, Time } from './parts.js';

const PlainTypeSchema = Type.Enum([...PLAIN_EVENT_TYPES]);
export type PlainEventType = Static<typeof PlainTypeSchema>;

const SubjectSchema = Type.Object({ id: Type.String(), owner: nullable(Type.String()), labels: Texts });
/** The container that an event is about. */
export type Subject = Static<typeof SubjectSchema>;

const happening = {
  seq: Type.Integer({
    description: 'the number of the event; numbers grow, also over restarts of niwad, and no number is used twice',
  }),
  at: Time,
  ...SubjectSchema.properties,
};

/** Something that happened to a container. */
export const RuntimeEventSchema = Type.Union(
  [
    Type.Object({ type: PlainTypeSchema, ...happening }),
    Type.Object({ type: Type.Literal('exit'), ...happening, exit: ExitSchema }),
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

/** A line of a stream of events: an event, or a gap. */
export const EventLineSchema = Type.Union([RuntimeEventSchema, EventGapSchema], { title: 'EventLine' });
export type EventLine = Static<typeof EventLineSchema>;
