import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { Images } from '../../../src/images/images.js';
import { ImageStore } from '../../../src/images/store.js';

const ID = 'ab'.repeat(32);
const CONFIG = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${ID}`] } };
const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `base:${i}`);

function newStore(): ImageStore {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-images-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return new ImageStore(directory);
}

const add = (store: ImageStore, names: string[]) =>
  store.addImages([{ id: ID, configBytes: Buffer.from(JSON.stringify(CONFIG)), layers: [], names }]);

it('an image has at most 256 names: the index and each list of images grow by them', () => {
  const store = newStore();
  add(store, namesOf(256));
  expect(() => store.addName('base:1', 'more')).toThrow('an image may have 256 names: remove one');
  store.addName('base:1', 'base:2'); // a name that it has already
  store.removeName('base:3');
  store.addName('base:1', 'more');
  expect(store.namesOf(`sha256:${ID}`)).toHaveLength(256);
});

it('nor does an import bring more', () => {
  const store = newStore();
  expect(() => add(store, namesOf(257))).toThrow('an image may have 256 names');
  expect(store.isEmpty()).toBe(true);
});

it('many changes of names at once hold up neither the event loop nor those of root', async () => {
  const store = newStore();
  add(store, namesOf(1));
  const users = {
    layers: () => new Set<string>(),
    images: () => ({ names: new Set<string>(), ids: new Set<string>() }),
  };
  const images = new Images(store, { maxBytes: 1, maxEntries: 1 }, users, pino({ level: 'silent' }));
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  onTestFinished(() => clearInterval(counting));
  const done: number[] = [];
  const tag = async (uid: number, name: string) => {
    await images.tag('base:0', name, uid);
    done.push(uid);
  };
  await Promise.all([...namesOf(20).map((name) => tag(1000, name)), tag(0, 'of-root')]);
  expect(done.indexOf(0)).toBeLessThan(3);
  expect(turns).toBeGreaterThan(10);
});
