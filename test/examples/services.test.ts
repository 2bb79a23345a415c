// Real programs as services: nothing runs until a request comes, and nothing runs any more when none comes.
import { afterEach, beforeAll, expect, test } from 'vitest';
import { askOnce, NODE_ADDRESS } from '../integration/support/load.js';
import { makeNetwork, nodePlace, startOnNode } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { serviceAt, templateOf, untilService, wakeText } from './services-support.js';
import { build } from './support.js';

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});
afterEach(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
});

const examples: [example: string, port: number, says: string][] = [
  ['static', 8080, '<html'],
  ['apache-php', 8081, 'The sum of the primes'],
  ['node', 8082, '"hello":"nobody"'],
];

test.for(examples)(
  '%s sleeps until it is asked, answers the first request, and sleeps again',
  async ([example, port, says], { skip }) => {
    if (example !== 'node') await build(skip, example);
    const idle = { after: '3s', action: 'stop' } as const; // its counters are looked at each second, before it sleeps
    await niwad.client.applyService(serviceAt(example, port, templateOf(example), { idle, owner: 'alice' }));
    expect(await niwad.client.service(example)).toMatchObject({ state: 'cold', instances: [] });
    expect(await niwad.client.list({ service: [example] })).toEqual([]);

    const first = await askOnce(`http://${NODE_ADDRESS}:${port}/`);
    expect(first.status).toBe(200);
    expect(first.body).toContain(says);
    const status = await untilService(niwad, example, ({ counters }) => counters.requests_held === 1);
    console.log(`first answer after ${first.ms.toFixed(0)} ms; ${wakeText(status)}`);
    expect(status).toMatchObject({ state: 'serving', counters: { wakes: 1, refused: {} } });
    expect((await askOnce(`http://${NODE_ADDRESS}:${port}/`)).status).toBe(200);

    const instance = status.instances[0]?.id ?? '';
    expect(await niwad.client.inspect(instance)).toMatchObject({ state: 'running', spec: { owner: 'alice' } });
    await untilService(niwad, example, ({ state, instances }) => state === 'cold' && instances.length === 0);
    expect(niwad.ledger(instance)).toMatchObject([{ owner: 'alice', service: example, reason: 'stopped' }]);
  },
);
