// A WebSocket over a replacement: what its client sees, and what the history says.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { askOnce, NODE_ADDRESS } from '../integration/support/load.js';
import { makeNetwork, nodePlace, startOnNode, WORLD } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { serviceAt, untilService } from './services-support.js';

const PORT = 8080;
const DRAIN_MS = 2000;
const support = (name: string) => fileURLToPath(new URL(`../integration/support/${name}`, import.meta.url));

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});

interface Seen {
  type: 'open' | 'message' | 'close';
  data?: string;
  code?: number;
  wasClean?: boolean;
  ms: number;
}

/** Connects and gives all that the client sees until its connection is closed. */
async function listen(): Promise<Seen[]> {
  const client = [process.execPath, '--experimental-websocket', '--no-warnings', support('websocket-client.mjs')];
  const { stdout } = await execa('nsenter', [`--net=/run/netns/${WORLD}`, ...client, `ws://${NODE_ADDRESS}:${PORT}/`]);
  return stdout.split('\n').map((line) => JSON.parse(line));
}

test('a WebSocket over a replacement goes on until the drain is over, is then told to go, and comes back to the successor', async () => {
  const mounts = [
    { type: 'bind', source: support('websocket-server.mjs'), target: '/srv/server.mjs', readonly: true },
  ] as const;
  const apply = (color: string) => {
    const template = { process: { args: ['node', '/srv/server.mjs'], env: { COLOR: color } }, mounts: [...mounts] };
    const service = serviceAt('chat', PORT, template, { drain: `${DRAIN_MS}ms` });
    return niwad.client.applyService(service, { now: true });
  };
  await apply('blue');
  const listening = listen();
  const { instances } = await untilService(niwad, 'chat', ({ counters }) => counters.connections > 0);
  const old = instances[0]?.id ?? '';
  await apply('green');
  const seen = await listening;

  const last = seen.at(-1);
  console.log(`the client was told to go after ${last?.ms} ms, with code ${last?.code}`);
  expect(last).toMatchObject({ type: 'close', code: 1001, wasClean: true });
  const messages = seen.filter(({ type }) => type === 'message');
  expect(new Set(messages.map(({ data }) => data)), 'one instance, to the end').toEqual(new Set([old]));

  // a client that comes back is served by the successor at once
  const { ms, status } = await askOnce(`http://${NODE_ADDRESS}:${PORT}/`);
  expect(status).toBe(200);
  expect(ms).toBeLessThan(1000);
  await untilService(niwad, 'chat', (service) => service.instances.every(({ id }) => id !== old));
  const { decisions: history } = await niwad.client.serviceHistory('chat');
  const stepOf = (step: string) => history.find((one) => one.step === step && one.instance === old);
  const at = (step: string) => Date.parse(stepOf(step)?.at ?? '');
  expect(at('end') - at('unroute'), 'it was un-routed for the whole drain').toBeGreaterThanOrEqual(DRAIN_MS - 50);
  expect(stepOf('end')?.why).toMatch(/ has drained for 2s, 1 connections? (is|are) cut$/);
});
