import { type Static, Type } from 'typebox';

const Figure = Type.Union([Type.Number(), Type.Null()]);

/** What was used in a period by one container, owner or value of a label; a figure that no record has is null. */
export const UsageRowSchema = Type.Object({
  key: Type.Union([Type.String(), Type.Null()], { description: 'null: those without owner, or without the label' }),
  runs: Type.Integer({ description: 'the runs that have a record in the period' }),
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
  memory_peak_bytes: Type.Union([Type.Number(), Type.Null()], { description: 'the highest of their runs, not a sum' }),
  duration_usec: Figure,
});
export type UsageRow = Static<typeof UsageRowSchema>;
