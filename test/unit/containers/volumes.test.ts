import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { type Allowed, type Caller, NOTHING_ALLOWED, ROOT } from '../../../src/access/allowed.js';
import { Policy } from '../../../src/access/operations.js';
import { Volumes } from '../../../src/containers/volumes.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { VolumeStore } from '../../../src/volumes/store.js';

const ANN: Caller = { uid: 1000, gid: 1000, role: 'full' };
const BOB: Caller = { uid: 1001, gid: 1001, role: 'full' };

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-volumes-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

function volumesIn(store: VolumeStore, allowed: Allowed): Volumes {
  return new Volumes({
    ...{ store, policy: new Policy(allowed), allowed },
    ...{ specs: () => [], ofTemplates: () => new Map(), log: pino({ level: 'silent' }) },
  });
}

it('the sizes that one caller asks for do not hold up those of another', async () => {
  const counted: (() => void)[] = [];
  class Slow extends VolumeStore {
    override sizeOf = () => new Promise<number>((resolve) => counted.push(() => resolve(1)));
  }
  const allowed: Allowed = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED };
  const volumes = volumesIn(new Slow(newDirectory()), allowed);
  await volumes.create('data', ROOT);
  const answered: string[] = [];
  const ask = async (who: string, caller: Caller) => {
    await volumes.inspect('data', caller);
    answered.push(who);
  };
  const all = [ask('ann', ANN), ask('ann', ANN), ask('ann', ANN), ask('bob', BOB), ask('root', ROOT)];
  await expect.poll(() => counted.length).toBe(2);
  for (let i = 0; i < 5; i++) {
    counted.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(answered.slice(0, 3).sort()).toEqual(['ann', 'bob', 'root']);
});

it('many volumes that one caller makes at once hold up neither the event loop nor those of root', async () => {
  const volumes = volumesIn(new VolumeStore(newDirectory()), {
    ...NOTHING_ALLOWED,
    ceilings: UNBOUNDED,
    volumes: true,
  });
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  onTestFinished(() => clearInterval(counting));
  const done: number[] = [];
  const create = async (name: string, caller: Caller) => {
    await volumes.create(name, caller);
    done.push(caller.uid);
  };
  await Promise.all([...Array.from({ length: 20 }, (_, i) => create(`of-ann-${i}`, ANN)), create('of-root', ROOT)]);
  expect(done.indexOf(0)).toBeLessThan(3);
  expect(turns).toBeGreaterThan(10);
  expect((await volumes.prune(ANN)).removed).toHaveLength(20);
  await volumes.remove('of-root', ROOT);
  await expect(volumes.remove('of-root', ROOT)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
