import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Filler } from '../../../src/pools/filler.js';
import { Stock } from '../../../src/pools/stock.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import { FakeContainers, wishOf } from './fake-containers.js';

const SECOND = 1e6;
let containers: FakeContainers;
let stock: Stock;

beforeEach(() => {
  containers = new FakeContainers();
  const filler = new Filler(() => 0);
  filler.isOpen = true;
  stock = new Stock('jobs', { ...containers.parts(), filler });
});

/** Waits until so many are ready. */
const ready = (count: number) => vi.waitFor(() => expect(stock.status.ready).toBe(count), { interval: 1 });
/** Lets the work go on that has no end which a test could wait for. */
const pass = () => new Promise((resolve) => setTimeout(resolve, 10));

async function tendAfter(seconds: number): Promise<void> {
  containers.nowUsec += seconds * SECOND;
  await stock.tend();
  await pass();
}

describe('a stock', () => {
  it('gives the one that has waited longest, and makes another one', async () => {
    stock.want(2, wishOf('a'));
    await ready(2);
    const place = stock.take();
    expect(place.id).toBe('a-1');
    expect((await stock.start(place)).id).toBe('a-1');
    await ready(2);
    expect(containers.waiting).toEqual(['a-2', 'a-3']);
    expect(stock.status).toMatchObject({ taken: 1, missed: 0, thrown_away: 0 });
  });

  it('makes one in the usual way where none is ready', async () => {
    containers.before = () => new Promise(() => {});
    stock.want(1, wishOf('a'));
    const { id } = await stock.start(stock.take());
    expect(containers.ran).toEqual([id]);
    expect(stock.status).toMatchObject({ taken: 0, missed: 1 });
  });

  it('throws away what was taken and is not started', async () => {
    stock.want(1, wishOf('a'));
    await ready(1);
    stock.giveUp(stock.take());
    await ready(1);
    expect(containers.thrownAway).toEqual(['a-1']);
    expect(containers.waiting).toEqual(['a-2']);
    expect(stock.status).toMatchObject({ taken: 0, thrown_away: 1 });
  });

  it('throws away those of another template, and those that are too many', async () => {
    const wish = wishOf('a');
    stock.want(3, wish);
    await ready(3);
    stock.want(2, wish);
    expect(containers.thrownAway).toEqual(['a-3']);
    stock.want(2, wishOf('b'));
    await vi.waitFor(() => expect(containers.waiting).toEqual(['b-1', 'b-2']));
    expect(containers.thrownAway).toEqual(['a-3', 'a-1', 'a-2']);
  });

  it.each([0, 1])('keeps no more than %i when this was wanted while one was made', async (wanted) => {
    const wish = wishOf('a');
    stock.want(1, wish);
    await ready(1);
    let goOn = () => {};
    containers.before = () => new Promise((resolve) => (goOn = resolve));
    stock.want(2, wish);
    await pass();
    stock.want(wanted, wish);
    goOn();
    await pass();
    expect(stock.status.ready).toBe(wanted);
    expect(containers.waiting).toHaveLength(wanted);
  });

  it('makes none while the node drains', async () => {
    containers.isDraining = true;
    stock.want(1, wishOf('a'));
    await tendAfter(1);
    expect(containers.waiting).toEqual([]);
    containers.isDraining = false;
    await tendAfter(1);
    expect(containers.waiting).toEqual(['a-1']);
  });
});

describe('the look of each second', () => {
  it('replaces what is old', async () => {
    stock.want(1, wishOf('a'));
    await ready(1);
    await tendAfter(3599);
    expect(containers.waiting).toEqual(['a-1']);
    await tendAfter(1);
    expect(containers.waiting).toEqual(['a-2']);
  });

  it('replaces what would be made differently now', async () => {
    stock.want(2, wishOf('a'));
    await ready(2);
    containers.unfit = (id) => (id === 'a-1' ? 'its image is another one' : null);
    await tendAfter(1);
    expect(containers.waiting).toEqual(['a-2', 'a-3']);
  });

  it('keeps what it cannot compare, which a start does not use', async () => {
    stock.want(2, wishOf('a'));
    await ready(2);
    containers.unfit = () => {
      throw new NiwaError('HOST_ERROR', 'no descriptor is left');
    };
    await tendAfter(1);
    expect(containers.waiting).toEqual(['a-1', 'a-2']);
    expect((await stock.start(stock.take())).id).toBe('a-1');
    expect([containers.thrownAway, containers.ran]).toEqual([['a-1'], ['a-1']]);
  });
});

describe('failures', () => {
  it('of the making are told, with pauses that double', async () => {
    containers.before = async () => {
      throw new Error('no room');
    };
    stock.want(1, wishOf('a'));
    await pass();
    expect(stock.status).toMatchObject({ ready: 0, last_failure: { message: 'no room' } });
    containers.before = async () => {};
    await tendAfter(0.9);
    expect(stock.status.ready).toBe(0);
    await tendAfter(0.1);
    expect(stock.status.ready).toBe(1);
    await tendAfter(1);
    expect(stock.status.last_failure).toBeNull();
  });

  it('are also ends while a container waits: the pause doubles with each, and the last one is told', async () => {
    stock.want(1, wishOf('a'));
    await ready(1);
    for (const pause of [1, 2, 4, 8]) {
      await containers.end(containers.waiting[0], 'killed');
      expect(stock.status).toMatchObject({ ready: 0, last_failure: { message: expect.stringContaining('killed') } });
      await tendAfter(pause - 0.1);
      expect(stock.status.ready).toBe(0);
      await tendAfter(0.1);
      expect(stock.status).toMatchObject({ ready: 1, last_failure: { message: expect.stringContaining('killed') } });
    }
    await tendAfter(8); // longer than the last pause
    expect(stock.status.last_failure).toBeNull();
  });

  it('are over when a container is taken', async () => {
    stock.want(1, wishOf('a'));
    await ready(1);
    await containers.end('a-1', 'killed');
    await tendAfter(1);
    await stock.start(stock.take());
    await ready(1);
    expect(stock.status.last_failure).toBeNull();
  });

  it('are not ends that a user has asked for', async () => {
    stock.want(1, wishOf('a'));
    await ready(1);
    await containers.end('a-1', 'stopped');
    await ready(1);
    expect(stock.status.last_failure).toBeNull();
  });
});
