import { describe, expect, it } from 'vitest';
import { Life, NOT_STARTED } from '../../../src/engine/life.js';
import type { Exit } from '../../../src/protocol/container.js';
import { refusal } from '../support.js';

const EXIT: Exit = { code: 0, signal: null, reason: 'exited', at: '2026-01-01T00:00:00.000Z' };
const RECORDED: Exit = { ...EXIT, reason: 'lifetime' };

function running(): Life {
  const life = new Life('web');
  life.start(5n, 0n);
  return life;
}

describe('a life', () => {
  it('goes from created to exited, and tells that once the end is whole', async () => {
    const life = running();
    expect([life.state, life.hasStarted, life.deadlineAt]).toEqual(['running', true, null]);
    expect(life.setFrozen(true)).toBe(true);
    expect(life.state).toBe('paused');
    expect(life.setFrozen(false)).toBe(true);
    life.beginEnd();
    life.beginEnd(); // a deadline that passes during a stop
    life.endAs(EXIT);
    expect([life.state, life.exit, life.ending]).toEqual(['stopping', null, EXIT]);
    life.endAs(RECORDED); // what an earlier niwad has recorded stands
    life.end();
    expect([life.state, life.exit, await life.exited]).toEqual(['exited', RECORDED, RECORDED]);
  });

  it('goes on stopping where the answer to its start comes late', () => {
    const life = new Life('web');
    life.beginEnd();
    life.start(5n, 7n);
    expect([life.state, life.startedNs, life.deadlineNs]).toEqual(['stopping', 5n, 7n]);
  });

  it('is not frozen where it has begun to end', () => {
    const life = running();
    life.beginEnd();
    expect(life.setFrozen(true)).toBe(false);
    expect(life.setFrozen(false)).toBe(false);
    expect(life.state).toBe('stopping');
  });

  it('can end without a start', () => {
    const life = new Life('web');
    life.endAs(EXIT);
    life.end();
    expect([life.state, life.hasStarted]).toEqual(['exited', false]);
  });

  it.each<[string, () => void]>([
    ['a second start', () => running().start(6n, 0n)],
    ['a start of what is paused', () => new Life('web', { ...NOT_STARTED, state: 'paused' }).start(5n, 0n)],
    ['an end of which nobody knows how', () => running().end()],
    [
      'anything after the end',
      () => {
        const life = running();
        life.endAs(EXIT);
        life.end();
        life.beginEnd();
      },
    ],
  ])('refuses %s', (_, change) => {
    expect(refusal(change)).toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('container web is ') });
  });
});
