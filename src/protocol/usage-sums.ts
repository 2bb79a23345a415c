import { type Static, Type } from 'typebox';
import { Figure, nullable, Time } from './parts.js';

/**
 * What one key (a container, its id in its engine, an owner, a service, or a value of a label) has used in a period. A
 * figure that no record has is null.
 */
export const UsageRowSchema = Type.Object(
  {
    key: Type.Union([Type.String(), Type.Null()], {
      description:
        'the container, its id in its engine, the owner, service or value of the label; null for containers without engine, owner, service or label',
    }),
    runs: Type.Integer({ description: 'how many runs have a record in the period' }),
    cpu_usage_usec: Figure,
    cpu_user_usec: Figure,
    cpu_system_usec: Figure,
    throttled_usec: Figure,
    rbytes: Figure,
    wbytes: Figure,
    rios: Figure,
    wios: Figure,
    network_rx_bytes: Figure,
    network_tx_bytes: Figure,
    memory_byte_seconds: Figure,
    memory_peak_bytes: Type.Union([Type.Number(), Type.Null()], {
      description: 'the highest peak of these runs, not a sum',
    }),
    duration_usec: Figure,
  },
  { title: 'UsageRow' },
);
export type UsageRow = Static<typeof UsageRowSchema>;

/** The keys by which usage can be summed, in words. */
export const BY_WORDS = 'container, engine-id, owner, service or label:NAME';

/** The sums of a period, and the keys by which they are made. */
export const UsageAnswerSchema = Type.Object(
  {
    since: nullable(Time),
    until: nullable(Time),
    by: Type.String({ description: BY_WORDS }),
    rows: Type.Array(UsageRowSchema),
    skipped_lines: Type.Integer({ description: 'how many damaged lines of the ledger could not be read' }),
  },
  { title: 'UsageAnswer' },
);
export type UsageAnswer = Static<typeof UsageAnswerSchema>;
