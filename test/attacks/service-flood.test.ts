// Technique: floods of SYNs from sources that do not exist, to services that sleep. All of it stays in two network
// namespaces without a default route.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { askOnce, NODE_ADDRESS } from '../integration/support/load.js';
import { inside, makeNetwork, NODE, nodePlace, startOnNode, WORLD } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { compiled, results } from './attack.js';

const SERVICES = 5;
const FIRST_PORT = 9000;
const FLOOD_MS = 4000;

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  for (const name of [NODE, WORLD]) expect(inside(name, 'ip', 'route', 'show', 'default')).toBe('');
  niwad = await startOnNode(nodePlace());
});
afterEach(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
});

const SERVER = `
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
ThreadingHTTPServer(('', 80), Page).serve_forever()
`;

/** Declares services that sleep. @param wake who may wake them */
async function declare(prefix: string, wake: { from?: string[] } = {}): Promise<string[]> {
  const names = Array.from({ length: SERVICES }, (_, i) => `${prefix}-${i}`);
  for (const [i, service] of names.entries()) {
    const template = { process: { args: ['python3', '-c', SERVER] } };
    const listen = [`0.0.0.0:${FIRST_PORT + i}`];
    await niwad.client.applyService({ service, listen, port: 80, slots: 4, wake, template });
  }
  return names;
}

/** Floods all services; gives how many SYNs were sent, and how long niwad took to answer meanwhile, in milliseconds. */
async function flood(): Promise<{ sent: number; times: number[] }> {
  const words = [compiled('syn-flood'), NODE_ADDRESS, `${FIRST_PORT}`, `${SERVICES}`, `${FLOOD_MS}`];
  const flooding = execa('nsenter', [`--net=/run/netns/${WORLD}`, ...words]);
  const times: number[] = [];
  for (const end = Date.now() + FLOOD_MS; Date.now() < end; await sleep(20)) {
    const begin = performance.now();
    await niwad.client.services();
    times.push(performance.now() - begin);
  }
  const { sent } = results((await flooding).stdout);
  return { sent: Number(sent), times: times.sort((a, b) => a - b) };
}

async function startsOf(name: string): Promise<number> {
  return (await niwad.client.serviceHistory(name)).decisions.filter(({ step }) => step === 'start').length;
}

test('a flood of SYNs starts one container of each service, niwad goes on answering, and guests get in', async () => {
  const names = await declare('flooded');
  const { sent, times } = await flood();
  const [median, most] = [times[Math.floor(times.length / 2)] ?? 0, times[Math.floor(times.length * 0.95)] ?? 0];
  console.log(`${sent} SYNs; niwad answered in ${median.toFixed(0)} ms, in ${most.toFixed(0)} ms 95 times of 100`);
  expect(sent).toBeGreaterThan(10_000);
  expect(most).toBeLessThan(150);
  for (const name of names) expect(await startsOf(name), name).toBe(1);
  for (let i = 0; i < SERVICES; i++)
    expect((await askOnce(`http://${NODE_ADDRESS}:${FIRST_PORT + i}/`)).status).toBe(200);
});

test('a flood of SYNs wakes nothing where only known subnets may wake, and those may', async () => {
  const names = await declare('choosy', { from: ['192.0.2.0/24'] });
  await flood();
  for (const name of names) expect(await startsOf(name), name).toBe(0);
  expect((await askOnce(`http://${NODE_ADDRESS}:${FIRST_PORT}/`)).status).toBe(200);
});

test('a flood of SYNs, control: where everybody may wake it, it wakes each service', async () => {
  const names = await declare('open', { from: ['0.0.0.0/0'] });
  await flood();
  for (const name of names) expect(await startsOf(name), name).toBe(1);
});
