import { beforeEach, expect, it, vi } from 'vitest';
import { type Caller, ROOT } from '../../../src/access/allowed.js';
import { Stocks } from '../../../src/pools/stocks.js';
import { FakeContainers, wishOf } from './fake-containers.js';

const ALICE: Caller = { uid: 1000, gid: 1000, role: 'full' };
const BOB = { ...ALICE, uid: 1001 };
let containers: FakeContainers;
let stocks: Stocks;

beforeEach(async () => {
  containers = new FakeContainers();
  stocks = new Stocks(containers.parts());
  stocks.open();
  return () => stocks.close();
});

it('bounds what a user has in all stocks together, and not root', () => {
  const stock = stocks.add('one');
  stock.want(5, wishOf('a', ALICE));
  const room = (wanted: number, caller = ALICE, of: typeof stock | null = null) =>
    expect(() => stocks.requireRoom(caller, wanted, of));
  room(3).not.toThrow();
  room(4).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  room(8, ALICE, stock).not.toThrow();
  room(8, BOB).not.toThrow();
  room(500, ROOT).not.toThrow();
});

it('counts on when a stock is removed', async () => {
  const stock = stocks.add('one');
  stock.want(2, wishOf('a'));
  await vi.waitFor(() => expect(stocks.totals.ready).toBe(2));
  await stock.start(stock.take());
  await stocks.remove(stock);
  expect(stocks.totals).toMatchObject({ ready: 0, taken: 1 });
  expect(containers.waiting).toEqual([]);
});

it('removes a stock that waits for its turn while another user makes a container that hangs', async () => {
  let goOn = () => {};
  const begun: string[] = [];
  containers.before = async (id) => {
    begun.push(id);
    await new Promise<void>((resolve) => (goOn = resolve));
  };
  stocks.add('hung').want(1, wishOf('hung', ALICE));
  await vi.waitFor(() => expect(begun).toEqual(['hung-1']));
  const waits = stocks.add('waits');
  waits.want(1, wishOf('waits', BOB));
  try {
    await Promise.race([stocks.remove(waits), new Promise((_, reject) => setTimeout(() => reject('it waits'), 500))]);
  } finally {
    goOn();
  }
  await vi.waitFor(() => expect(containers.waiting).toEqual(['hung-1']));
  expect(begun).toEqual(['hung-1']);
});
