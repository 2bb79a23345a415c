// Lifetimes of services pass under load, and no request fails.
import { beforeAll, expect, test } from 'vitest';
import { historyTable } from '../../src/cli/service-text.js';
import type { ServiceInput } from '../../src/protocol/service.js';
import { LONG } from '../integration/support/host.js';
import { failuresOf, load, loadText, NODE_ADDRESS, startHaproxy, WORLD_ADDRESS } from '../integration/support/load.js';
import { makeNetwork, nodePlace, startOnNode } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { serviceAt, templateOf } from './services-support.js';
import { build } from './support.js';

const LIFETIMES = LONG ? 50 : 10;
/** Each instance is replaced when the drain and the start of its successor are left of its lifetime of four seconds. */
const SECONDS = LIFETIMES * 2.5;

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});

function shortLived(example: string, service: string, port: number): ServiceInput {
  const template = { ...templateOf(example), lifetime: '4s', jitter: 0 };
  return serviceAt(service, port, template, { drain: '1500ms' });
}

/** Loads a service until so many of its lifetimes have passed: a busy machine needs longer. */
async function loadForLifetimes(service: string, url: string, keepAlive: boolean) {
  for (let failed = 0, seconds = SECONDS; ; seconds = 5) {
    const result = await load(url, { seconds, keepAlive });
    const { counters } = await niwad.client.service(service);
    console.log(`${loadText(service, result)}; ${counters.replacements} replacements`);
    failed += failuresOf(result);
    if (failed > 0)
      console.log(JSON.stringify(result), historyTable((await niwad.client.serviceHistory(service)).decisions).text());
    if (failed > 0 || counters.replacements >= LIFETIMES) return { service, failed, ...counters };
  }
}

test(`${LIFETIMES} lifetimes under load: no request fails`, { timeout: SECONDS * 2000 + 60_000 }, async ({ skip }) => {
  for (const example of ['static', 'apache-php']) await build(skip, example);
  const services: [input: ServiceInput, host: string, keepAlive: boolean][] = [
    [shortLived('node', 'node-direct', 9001), NODE_ADDRESS, false],
    [shortLived('apache-php', 'apache-direct', 9002), NODE_ADDRESS, false],
    [shortLived('node', 'node-proxy', 9003), WORLD_ADDRESS, true],
    [shortLived('apache-php', 'apache-proxy', 9004), WORLD_ADDRESS, true],
    [shortLived('static', 'nginx-proxy', 9005), WORLD_ADDRESS, true],
  ];
  const outcomes = await Promise.all(
    services.map(async ([service, host, keepAlive], i) => {
      await niwad.client.applyService(service);
      const port = 9001 + i;
      if (host === WORLD_ADDRESS) await startHaproxy(niwad.place.directory, port);
      return await loadForLifetimes(service.service, `http://${host}:${port}/`, keepAlive);
    }),
  );
  for (const { service, failed, refused } of outcomes)
    expect({ service, failed, refused }).toEqual({ service, failed: 0, refused: {} });
});
