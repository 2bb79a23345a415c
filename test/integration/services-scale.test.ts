// @module-tag vm
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { needsController, PATIENCE } from './support/host.js';
import { makeNetwork, nodePlace, startOnNode, WORLD } from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { ask, askOnce, serviceOf } from './support/services.js';

const place = nodePlace();
let niwad: Niwad;
makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
});

/** Each request costs it so much CPU time that its quota runs out. */
const BUSY = `
import signal, socket, sys, time
s = socket.socket()
s.bind(('', 80))
s.listen(1024)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
name = socket.gethostname().encode()
while True:
    c, address = s.accept()
    until = time.process_time() + 0.02
    while time.process_time() < until: pass
    c.sendall(name)
    c.close()
`;

const shop = () => niwad.client.service('shop');
const routed = async () => (await shop()).instances.filter(({ phase }) => phase === 'routed').length;

it('throttled time makes more instances, up to the slots', async ({ skip }) => {
  needsController(skip, 'cpu');
  const process = { args: ['python3', '-c', BUSY] };
  const resources = { cpu: { max: 0.5 } };
  const scale = { warmup: '1s', settle: '2s' };
  await niwad.client.applyService(
    serviceOf({ slots: 2, scale, wake: { timeout: '2m' }, template: { process, resources } }),
  );
  await askOnce(WORLD, { patience: 120 });
  const asking = ask(WORLD, { many: 4, seconds: 40, patience: 120 });
  const began = Date.now();
  await vi.waitFor(async () => expect(await routed()).toBe(2), { timeout: 90_000, interval: 1000 });
  console.log(`2 instances after ${Date.now() - began} ms`);
  const { answers } = await asking;
  expect(Object.keys(answers).every((answer) => answer.startsWith('shop-'))).toBe(true);
  expect(Object.keys(answers)).toHaveLength(2);
  const why = (await niwad.client.serviceHistory('shop')).decisions
    .filter(({ step }) => step === 'start')
    .map((entry) => entry.why);
  console.log(why);
}, 300_000);

/** It writes a file, whose pages in the memory are its own until they are taken. */
const KEEPER = `
import os, socket
with open('/data/file', 'wb') as f:
    for i in range(32): f.write(os.urandom(1 << 20))
    os.fsync(f.fileno())
s = socket.socket()
s.bind(('', 80))
s.listen()
while True:
    c = s.accept()[0]
    c.sendall(socket.gethostname().encode())
    c.close()
`;

it('a frozen instance gives its memory back, and answers', async ({ skip }) => {
  needsController(skip, 'memory');
  const source = join(place.files, 'data');
  mkdirSync(source);
  chmodSync(source, 0o777);
  const mounts = [{ type: 'bind' as const, source, target: '/data' }];
  const template = { process: { args: ['python3', '-c', KEEPER] }, mounts };
  const fields = { listen: ['0.0.0.0:8081'], idle: { after: '2s' }, wake: { timeout: '2m' } };
  await niwad.client.applyService({ ...serviceOf({ ...fields, template }), service: 'keeper' });
  const asking = { port: 8081, patience: 120 };
  const id = await askOnce(WORLD, asking);
  const bytes = () => Number(niwad.groupFile(id, 'memory.current'));
  expect(bytes()).toBeGreaterThan(32e6);
  await vi.waitFor(async () => expect((await niwad.client.inspect(id)).state).toBe('paused'), PATIENCE);
  await vi.waitFor(() => expect(bytes()).toBeLessThan(24e6), PATIENCE);
  expect(await askOnce(WORLD, asking)).toBe(id);
}, 300_000);
