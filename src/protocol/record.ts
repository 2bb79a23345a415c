import { type Static, Type } from 'typebox';
import { ExitSchema } from './container.js';
import { nullable, Texts, Time } from './parts.js';
import { UsageSchema } from './usage.js';

const { code, signal, reason } = ExitSchema.properties;

/**
 * What one run of a container has used up to a moment: which container, whose, when, how much; in the last record also
 * why the run ended. Every figure counts from the start of the run. So a bill is made of differences, and a record that
 * is there twice adds nothing.
 */
export const UsageRecordSchema = Type.Object(
  {
    type: Type.Union([Type.Literal('interim'), Type.Literal('final')], {
      description: 'interim: the container still runs; final: the run has ended, each run has one such record',
    }),
    run: Type.String({
      description: 'a random UUID that names the run; the id of a container may be used again, but never that of a run',
    }),
    id: Type.String(),
    owner: nullable(Type.String()),
    service: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description:
          'the service of which the container is an instance; null for none, missing in records of an older niwad',
      }),
    ),
    labels: Texts,
    created_at: Time,
    started_at: Type.Union([Time, Type.Null()], { description: 'null where the container was never started' }),
    at: Type.String({
      format: 'date-time',
      description: 'the moment of the reading; in a final record, the moment of the end',
    }),
    duration_usec: Type.Union([Type.Number(), Type.Null()], {
      description:
        'the time since the start on CLOCK_BOOTTIME, so that setting the wall clock does not change a bill; null where the container was never started, or the time of its end is unknown',
    }),
    reason: nullable(reason),
    code,
    signal,
    usage: nullable(UsageSchema),
    memory_byte_seconds: Type.Union([Type.Number(), Type.Null()], {
      description:
        'the bytes of memory.current, multiplied by the seconds for which the container had them; null without the memory controller',
    }),
    oci: Type.Optional(
      Type.Object(
        {
          id: Type.String({ description: 'its id in the engine' }),
          root: Type.String({ description: 'the directory of --root: each has ids of its own' }),
        },
        {
          description: 'what the container engine calls it that has made it through niwa-oci; missing where none has',
        },
      ),
    ),
  },
  {
    title: 'UsageRecord',
    description:
      'a line of the ledger, there with its checksum (crc32); reason, code and signal are null in interim records, usage is null where the start failed before the container had a group',
  },
);
export type UsageRecord = Static<typeof UsageRecordSchema>;
