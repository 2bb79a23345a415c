import { describe, expect, it } from 'vitest';
import { toWanted } from '../../../src/api/routes/events.js';
import type { RuntimeEvent } from '../../../src/protocol/events.js';
import type { EventsQuery } from '../../../src/protocol/queries.js';

const NOW = Date.parse('2026-11-23T13:57:15Z');
const LAST = 42;

const wants = (query: EventsQuery, event: Partial<RuntimeEvent>) =>
  toWanted(query, LAST, NOW).fits({
    seq: 1,
    type: 'start',
    id: 'web',
    at: '',
    owner: 'ann',
    labels: { app: 'x', tier: 'front' },
    ...event,
  } as RuntimeEvent);

describe('a query of events', () => {
  it('begins behind the last one, unless it says where', () => {
    expect(toWanted({}, LAST, NOW)).toMatchObject({ after: 42, since: null });
    expect(toWanted({ after: 7 }, LAST, NOW)).toMatchObject({ after: 7, since: null });
    expect(toWanted({ since: '10m' }, LAST, NOW)).toMatchObject({ after: 0, since: '2026-11-23T13:47:15.000Z' });
    expect(toWanted({ since: '10m', after: 7 }, LAST, NOW)).toMatchObject({ after: 7 });
    expect(toWanted({ until: '10m' }, LAST, NOW)).toMatchObject({ after: 0, until: '2026-11-23T13:47:15.000Z' });
    expect(toWanted({ until: '2026-11-24' }, LAST, NOW)).toMatchObject({
      after: 42,
      until: '2026-11-24T00:00:00.000Z',
    });
    expect(toWanted({ since: '10m', after: 7 }, LAST, NOW)).toMatchObject({ until: null });
    expect(() => toWanted({ until: 'tomorrow' }, LAST, NOW)).toThrow('until');
    expect(() => toWanted({ since: 'yesterday' }, LAST, NOW)).toThrow('since');
  });

  it.each<[EventsQuery, boolean]>([
    [{}, true],
    [{ owner: 'ann' }, true],
    [{ owner: 'bob' }, false],
    [{ label: 'app=x' }, true],
    [{ label: ['app=x', 'tier=front'] }, true],
    [{ label: ['app=x', 'tier=back'] }, false],
    [{ id: 'web' }, true],
    [{ id: ['db', 'web'] }, true],
    [{ id: 'db' }, false],
    [{ type: 'start' }, true],
    [{ type: ['exit', 'start'] }, true],
    [{ type: 'exit' }, false],
    [{ type: 'start', owner: 'ann', label: 'app=x', id: 'web' }, true],
    [{ type: 'start', owner: 'ann', label: 'app=x', id: 'db' }, false],
  ])('of %j wants a certain event: %s', (query, wanted) => {
    expect(wants(query, {})).toBe(wanted);
  });

  it('of two owners, which no container has, is refused', () => {
    expect(() => toWanted({ owner: ['ann', 'bob'] }, LAST, NOW)).toThrow('one value');
  });
});
