import { describe, expect, it } from 'vitest';
import { parseMoment } from '../../../src/spec/moment.js';

const NOW = Date.parse('2026-11-23T12:00:00Z');

describe('a moment', () => {
  it.each([
    ['24h', '2026-11-22T12:00:00.000Z'],
    ['1h30m', '2026-11-23T10:30:00.000Z'],
    ['250ms', '2026-11-23T11:59:59.750Z'],
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['2026-11-01T10:00Z', '2026-11-01T10:00:00.000Z'],
    ['2026-11-01T10:00:01.5Z', '2026-11-01T10:00:01.500Z'],
    ['2026-11-01T10:00:00+02:00', '2026-11-01T08:00:00.000Z'],
  ])('"%s" is %s', (text, expected) => {
    expect(parseMoment(text, NOW)).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '24',
    '-1h',
    '2026-02-29',
    '2026-02-30T00:00:00Z',
    '2026-13-01',
    '2026-00-01',
    '2026-11-00',
    '2026-11-01T10:00:00', // of which zone?
    '2026-11-01T25:00Z',
    '20261101',
    '2026-11-01Z',
    '0000-01-01T00:00:00+01:00',
    '9'.repeat(30),
    `${'9'.repeat(30)}d`,
  ])('"%s" is none', (text) => {
    expect(parseMoment(text, NOW)).toBeUndefined();
  });
});
