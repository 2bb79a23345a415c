import { describe, expect, it } from 'vitest';
import { ENTRY_BYTES, formatUsec, parseEntries } from '../../../src/logs/entry.js';

describe('an index', () => {
  it('is lines of one width', () => {
    const text = '1763906235123456 o 000000000000\n1763906235123999 e 000000004096\n';
    expect(text.length).toBe(2 * ENTRY_BYTES);
    expect(parseEntries(Buffer.from(text))).toEqual([
      { usec: 1763906235123456, stream: 'stdout', offset: 0 },
      { usec: 1763906235123999, stream: 'stderr', offset: 4096 },
    ]);
  });

  it('gives nothing for what is no line', () => {
    const whole = '1763906235123456 o 000000000007\n';
    expect(parseEntries(Buffer.concat([Buffer.alloc(ENTRY_BYTES), Buffer.from(whole)]))).toHaveLength(1);
    expect(parseEntries(Buffer.from(whole.slice(0, -1)))).toEqual([]);
    expect(parseEntries(Buffer.alloc(0))).toEqual([]);
  });
});

it.each([
  [1763906235123456, '2025-11-23T13:57:15.123456Z'],
  [1763906235000000, '2025-11-23T13:57:15.000000Z'],
  [1763906235000007, '2025-11-23T13:57:15.000007Z'],
  [0, '1970-01-01T00:00:00.000000Z'],
])('%d microseconds are written as %s', (usec, text) => {
  expect(formatUsec(usec)).toBe(text);
});
