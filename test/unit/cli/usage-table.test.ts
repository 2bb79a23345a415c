import { expect, it } from 'vitest';
import { usageCsv, usageTable } from '../../../src/cli/usage-table.js';
import type { UsageRow } from '../../../src/protocol/usage-sums.js';

const nothing: UsageRow = {
  key: null,
  runs: 1,
  cpu_usage_usec: null,
  cpu_user_usec: null,
  cpu_system_usec: null,
  throttled_usec: null,
  rbytes: null,
  wbytes: null,
  rios: null,
  wios: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
  memory_byte_seconds: null,
  memory_peak_bytes: null,
  duration_usec: null,
};
const full: UsageRow = {
  key: 'alice',
  runs: 12,
  cpu_usage_usec: 1_990_848,
  cpu_user_usec: 1_500_000,
  cpu_system_usec: 490_848,
  throttled_usec: 10_000,
  rbytes: 4096,
  wbytes: 1_572_864,
  rios: 1,
  wios: 30,
  network_rx_bytes: 2048,
  network_tx_bytes: 1_048_576,
  memory_byte_seconds: 2 ** 30 * 5400,
  memory_peak_bytes: 2 ** 26,
  duration_usec: 5_400_000_000,
};
const answer = (by: string, ...rows: UsageRow[]) => ({ since: null, until: null, by, rows, skipped_lines: 0 });

it('is a table for people, with a dash for what is not known', () => {
  expect(
    usageTable(answer('owner', full, nothing))
      .text()
      .split('\n'),
  ).toEqual([
    'OWNER  RUNS   TIME  CPU TIME  THROTTLED  READ  WRITTEN  READS  WRITES  RECEIVED  SENT  MEMORY GIB*H   PEAK',
    'alice    12  1h30m     1.99s      0.01s  4.0K     1.5M      1      30      2.0K  1.0M         1.500  64.0M',
    '-         1      -         -          -     -        -      -       -         -     -             -      -',
  ]);
});

it('shows keys that would move the cursor as they are not', () => {
  expect(
    usageTable(answer('label:a\nb', { ...full, key: '\x1b[2J\r\nx' }))
      .text()
      .split('\n'),
  ).toEqual([expect.stringMatching(/^A\?B /), expect.stringMatching(/^\?\[2J\?\?x /)]);
});

it('is CSV of the raw figures, quoted where that is needed', () => {
  const keys = ['alice', 'a,b', 'a "b"', 'a\r\nb', '', null];
  expect(usageCsv(answer('owner', ...keys.map((key) => ({ ...full, key })), nothing))).toBe(
    [
      'key,runs,cpu_usage_usec,cpu_user_usec,cpu_system_usec,throttled_usec,rbytes,wbytes,rios,wios,network_rx_bytes,network_tx_bytes,memory_byte_seconds,memory_peak_bytes,duration_usec',
      ...['alice', '"a,b"', '"a ""b"""', '"a\r\nb"', '""', ''].map(
        (key) =>
          `${key},12,1990848,1500000,490848,10000,4096,1572864,1,30,2048,1048576,5798205849600,67108864,5400000000`,
      ),
      ',1,,,,,,,,,,,,,',
    ].join('\n'),
  );
});
