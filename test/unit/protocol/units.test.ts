import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../../src/protocol/units.js';

describe('sizes', () => {
  it.each([
    [0, 0],
    [4096, 4096],
    ['0', 0],
    ['4096', 4096],
    ['1K', 1024],
    ['1KB', 1024],
    ['64KiB', 65_536],
    ['512M', 536_870_912],
    ['1.5G', 1_610_612_736],
    ['2T', 2_199_023_255_552],
    ['0.3K', 307],
    ['100B', 100],
    ['8191T', 9_006_099_743_113_216],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('reads %j as %i bytes', (input, bytes) => {
    expect(parseBytes(input)).toBe(bytes);
  });

  it.each([
    '',
    'M',
    '-1',
    '-1M',
    '+1',
    '1 M',
    ' 1M',
    '1M\n',
    '1m',
    '1.M',
    '.5M',
    '1,5M',
    '1e3',
    '0x10',
    '1P',
    '1KiBB',
    '٣',
    '8192T',
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
  ])('does not take %j for a size', (input) => {
    expect(parseBytes(input)).toBeUndefined();
  });

  it.each([
    [0, '0B'],
    [1, '1B'],
    [1023, '1023B'],
    [1024, '1.0K'],
    [1536, '1.5K'],
    [1024 ** 2 - 1, '1.0M'],
    [1024 ** 2, '1.0M'],
    [1024 ** 3 - 1, '1.0G'],
    [1.5 * 1024 ** 3, '1.5G'],
    [1024 ** 4, '1.0T'],
    [1024 ** 5, '1024.0T'],
  ])('writes %i bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('reads what it writes, to one digit after the point', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => {
        const read = parseBytes(formatBytes(bytes)) ?? Number.NaN;
        expect(Math.abs(read - bytes)).toBeLessThanOrEqual(bytes * 0.05 + 1);
      }),
    );
  });
});

describe('durations', () => {
  it.each([
    [0, 0],
    [90, 90e6],
    [0.25, 250_000],
    [1e-6, 1],
    ['90', 90e6],
    ['0.25', 250_000],
    ['90s', 90e6],
    ['250ms', 250_000],
    ['0.5ms', 500],
    ['1h30m', 5400e6],
    ['1.5h', 5400e6],
    ['2d', 172_800e6],
    ['1d1h1m1s1ms', 90_061_001_000],
    ['30s1m', 90e6],
    [9_007_199_254, 9_007_199_254e6],
  ])('reads %j as %i microseconds', (input, usec) => {
    expect(parseDuration(input)).toBe(usec);
  });

  it.each([
    '',
    's',
    '-1s',
    '1 s',
    '1s ',
    '1s\n',
    '1S',
    '1sec',
    '1us',
    '1h30',
    '1.s',
    '.5s',
    '1e3s',
    '1w',
    'forever',
    '999999999999d',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
  ])('does not take %j for a duration', (input) => {
    expect(parseDuration(input)).toBeUndefined();
  });

  it.each([
    [0, '0ms'],
    [250_000, '250ms'],
    [999_400, '999ms'],
    [999_600, '1s'],
    [1e6, '1s'],
    [1.5e6, '1.5s'],
    [59.94e6, '59.9s'],
    [59.99e6, '1m'],
    [60e6, '1m'],
    [61e6, '1m1s'],
    [89e6, '1m29s'],
    [90e6, '1m30s'],
    [119.6e6, '2m'],
    [3599e6, '59m59s'],
    [3599.9e6, '1h'],
    [3600e6, '1h'],
    [5400e6, '1h30m'],
    [7199.9e6, '2h'],
    [86_400e6, '24h'],
  ])('writes %i microseconds as %s', (usec, text) => {
    expect(formatDuration(usec)).toBe(text);
  });

  it('reads what it writes, to the last unit that it shows', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e12 }), (usec) => {
        const shown = [...formatDuration(usec).matchAll(/(ms|s|m|h)/g)].length;
        const rounding = usec < 1e6 ? 500 : usec < 60e6 ? 50_000 : usec < 3600e6 ? 500_000 : 30e6;
        const read = parseDuration(formatDuration(usec)) ?? Number.NaN;
        expect(shown).toBeLessThanOrEqual(2);
        expect(Math.abs(read - usec)).toBeLessThanOrEqual(rounding);
      }),
    );
  });
});
