import { type Static, type TSchema, Type } from 'typebox';
import { StateSchema } from './container.js';
import { EVENT_TYPES } from './event-types.js';
import { NEXT_HEADER, POSITIONS_HEADER } from './headers.js';
import { ImageName } from './images.js';
import { StreamNameSchema } from './logs.js';
import { ServiceName } from './service.js';
import { closed, Id } from './spec/values.js';
import { BY_WORDS } from './usage-sums.js';

/** The queries of lists and streams. */

const severalOf = <T extends TSchema>(one: T, description: string) =>
  Type.Optional(Type.Union([one, Type.Array(one)], { description }));

/** Selects containers. Each field may be given several times; a container has to fit all of them. */
const filterFields = {
  owner: severalOf(Type.String(), 'an owner'),
  service: severalOf(ServiceName, 'a service: its instances, and of events also its own'),
  label: severalOf(Type.String({ pattern: '^[^=]+=' }), 'NAME=VALUE'),
};
export const FilterQuery = Type.Object(filterFields);
export type FilterQuery = Static<typeof FilterQuery>;

/** How long `after` may be: an id in an engine has up to 1024 characters, of which a plus is three, URL-encoded. */
export const MAX_AFTER_LENGTH = 3 * 1024;

/** Selects a page of a list. */
const pageFields = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000, description: 'the most that are wanted, from 1 to 100000' }),
  ),
  after: Type.Optional(
    Type.String({ maxLength: MAX_AFTER_LENGTH, description: `what the header ${NEXT_HEADER} of the page before said` }),
  ),
};

export const ListQuery = Type.Object(
  {
    state: Type.Optional(
      Type.Union([...StateSchema.anyOf, Type.Literal('live')], {
        description: 'created, running, paused, stopping or exited; live for all but exited',
      }),
    ),
    ...filterFields,
    ...pageFields,
    fields: Type.Optional(
      Type.String({
        maxLength: 1024,
        description: 'the names of the fields that the answer is to have, separated by commas',
      }),
    ),
  },
  closed,
);
export type ListQuery = Static<typeof ListQuery>;

export const MOMENT_WORDS =
  'a date such as "2026-11-01" (0:00 UTC), a time such as "2026-11-01T12:00:00Z" or "2026-11-01T12:00:00+01:00", or how long ago, such as "24h" or 3600 (seconds)';
const Moment = Type.Optional(Type.String({ description: MOMENT_WORDS }));

export const UsageQuery = Type.Object(
  {
    by: Type.Optional(
      Type.String({ pattern: '^(container|engine-id|owner|service|label:.+)$', description: BY_WORDS }),
    ),
    since: Moment,
    until: Moment,
    ...filterFields,
    ...pageFields,
  },
  closed,
);
export type UsageQuery = Static<typeof UsageQuery>;

export const LogsQuery = Type.Object(
  {
    follow: Type.Optional(Type.Boolean({ description: 'true to go on until the container has exited' })),
    since: Moment,
    until: Moment,
    tail: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('all')], {
        description: 'a number: only so many of the last lines; or all',
      }),
    ),
    stream: Type.Optional(StreamNameSchema),
  },
  closed,
);
export type LogsQuery = Static<typeof LogsQuery>;

export const EventsQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({ minimum: 0, description: 'the number of an event: also those behind it that are kept' }),
    ),
    since: Type.Optional(Type.String({ description: `also those that are kept from then on: ${MOMENT_WORDS}` })),
    until: Type.Optional(
      Type.String({ description: `the end of the stream, which has no end without it: ${MOMENT_WORDS}` }),
    ),
    ...filterFields,
    id: severalOf(Id, 'a container; of several, any'),
    type: severalOf(Type.Enum([...EVENT_TYPES]), `${EVENT_TYPES.join(', ')}; of several, any`),
  },
  closed,
);
export type EventsQuery = Static<typeof EventsQuery>;

export const EventsHeaders = Type.Object({
  [POSITIONS_HEADER]: Type.Optional(
    Type.Literal('true', {
      description: 'asks for a line of type "position" after each 100 events that do not fit the filters',
    }),
  ),
});

export const AttachQuery = Type.Object(
  {
    stdin: Type.Optional(
      Type.Boolean({
        description:
          'false to write nothing: the standard input then stays free for another client; true is the default',
      }),
    ),
  },
  closed,
);

export const StreamQuery = Type.Object(
  { stream: Type.Optional(Type.Boolean({ description: 'true for a line of JSON per interval' })) },
  closed,
);

export const ImportQuery = Type.Object({ name: Type.Optional(ImageName) }, closed);
export const ImageQuery = Type.Object({ name: ImageName }, closed);
export const TagQuery = Type.Object({ name: ImageName, added: ImageName }, closed);
