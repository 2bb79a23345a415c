import { expect, it } from 'vitest';
import { Gate } from '../../../src/services/gate.js';
import type { Routes } from '../../../src/services/routes.js';
import { FakePaths } from './fake-paths.js';

const PATH = { name: 'shop', listen: [], from: null, queue: 10 };
const to = (...ids: string[]): Routes => ({
  routed: ids.map((id) => ({ id, address: '10.0.0.2', address6: null, port: 80 })),
  unrouted: [],
});

async function opened() {
  const paths = new FakePaths();
  const complaints: string[] = [];
  const gate = new Gate('shop', paths, (what) => complaints.push(what));
  await gate.declare(PATH);
  return { paths, gate, complaints };
}

it('sets in one change what was wanted while another one was under way', async () => {
  const { paths, gate } = await opened();
  const set = [to('a'), to('a', 'b'), to('b')].map((wanted) => gate.route(wanted));
  expect(await Promise.all(set)).toEqual([true, true, true]);
  expect(paths.changes).toEqual([['a'], ['b']]);
});

it('sets nothing where nothing differs', async () => {
  const { paths, gate } = await opened();
  await gate.route(to('a'));
  await gate.route(to('a'));
  expect(paths.changes).toEqual([['a']]);
});

it('tells what is refused, and tries it again', async () => {
  const { paths, gate, complaints } = await opened();
  paths.failure = new Error('no memory');
  expect(await gate.route(to('a'))).toBe(false);
  expect(complaints).toEqual(['its routes cannot be set']);
  await gate.retry();
  expect(paths.routesOf('shop')).toEqual(['a']);
});

it('opens again what the data path has lost, with its routes', async () => {
  const { paths, gate } = await opened();
  await gate.route(to('a'));
  await paths.withdraw('shop');
  gate.lose();
  await gate.retry();
  expect(paths.routesOf('shop')).toEqual(['a']);
});

it('bars and opens the service again, also where the data path has refused it first', async () => {
  const { paths, gate, complaints } = await opened();
  paths.barFailure = new Error('no memory');
  await gate.refuse('backoff');
  expect(paths.get('shop')?.refusing).toBe(null);
  await gate.retry();
  expect(paths.get('shop')?.refusing).toBe('backoff');
  paths.barFailure = new Error('no memory');
  await gate.accept();
  await gate.retry();
  expect(paths.get('shop')?.refusing).toBe(null);
  expect(complaints).toEqual(['requests cannot be refused', 'requests cannot be accepted']);
});

it('asks nothing of closed addresses', async () => {
  const { gate, complaints } = await opened();
  await gate.withdraw();
  await gate.refuse('removed');
  expect(complaints).toEqual([]);
  expect(gate.refusing).toBe('removed');
});

it('has one attempt at a time to open what was lost', async () => {
  const { paths, gate } = await opened();
  gate.lose();
  let asked = 0;
  const declare = paths.declare.bind(paths);
  paths.declare = async (path) => {
    asked++;
    await new Promise((resolve) => setTimeout(resolve, 10));
    await declare(path);
  };
  await Promise.all([gate.retry(), gate.retry(), gate.retry()]);
  expect(asked).toBe(1);
});
