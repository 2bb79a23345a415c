import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { ROOT } from '../../../src/access/allowed.js';
import { Membership } from '../../../src/access/membership.js';
import { Pools, type PoolsParts } from '../../../src/pools/pools.js';
import { Stocks } from '../../../src/pools/stocks.js';
import { PoolStore } from '../../../src/pools/store.js';
import { FakeContainers } from './fake-containers.js';

const ALICE = { uid: 1000, gid: 1000, role: 'full' as const };
const BOB = { ...ALICE, uid: 1001 };
const TEMPLATE = { process: { args: ['true'] } };
let containers: FakeContainers;
let pools: Pools;

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-pools-'));
  containers = new FakeContainers();
  const parts = containers.parts();
  const stocks = new Stocks(parts);
  stocks.open();
  pools = new Pools({
    containers: {
      policy: { require: () => {} },
      plan: async () => {},
      has: () => false,
    } as unknown as PoolsParts['containers'],
    ...{ stocks, store: new PoolStore(join(directory, 'pools')), perUser: 2 },
    ...{ membership: new Membership(null), log: parts.log },
  });
  return async () => {
    await stocks.close();
    rmSync(directory, { recursive: true });
  };
});

const create = (name: string, caller = ALICE) => pools.create(caller, { name, ahead: 1, template: TEMPLATE });

it('a pool that is removed while one of its containers is made keeps nobody else waiting', async () => {
  let goOn = () => {};
  const begun: string[] = [];
  containers.before = async (id) => {
    begun.push(id);
    if (id.startsWith('slow-')) await new Promise<void>((resolve) => (goOn = resolve));
  };
  await create('slow');
  await vi.waitFor(() => expect(begun).toHaveLength(1));
  let isRemoved = false;
  const removed = pools.remove(ALICE, 'slow').then(() => {
    isRemoved = true;
  });
  await new Promise(setImmediate);
  await create('other', BOB);
  expect(isRemoved).toBe(false);
  goOn();
  await removed;
  expect(containers.waiting.filter((id) => id.startsWith('slow-'))).toEqual([]);
});

it('a user sees, changes and removes own pools alone, and has only so many', async () => {
  await create('one');
  await create('two');
  await expect(create('three')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await create('one'); // a change
  await expect(create('one', BOB)).rejects.toMatchObject({ code: 'ID_IN_USE' });
  expect([pools.list(ALICE).length, pools.list(BOB).length, pools.list(ROOT).length]).toEqual([2, 0, 2]);
  for (const act of [() => pools.remove(BOB, 'one'), () => pools.start(BOB, 'one')])
    await expect(act()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
