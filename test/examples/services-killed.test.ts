// niwad is killed again and again while its services are under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LONG } from '../integration/support/host.js';
import { askAtOnce, askOnce, failuresOf, load, loadText, NODE_ADDRESS } from '../integration/support/load.js';
import { makeNetwork, nodePlace, startOnNode } from '../integration/support/network.js';
import { serviceAt, templateOf } from './services-support.js';

const KILLS = LONG ? 50 : 5;
const SECONDS = KILLS * 1.2 + 2;

makeNetwork();

test(`niwad is killed ${KILLS} times: no request of an awake service fails, none of a sleeping one is refused`, {
  timeout: SECONDS * 2000 + 60_000,
}, async () => {
  const place = nodePlace();
  let niwad = await startOnNode(place);
  await niwad.client.applyService(serviceAt('awake', 8080, templateOf('node')));
  expect((await askOnce(`http://${NODE_ADDRESS}:8080/`)).status).toBe(200);
  const { instances } = await niwad.client.service('awake');
  for (let i = 0; i < KILLS; i++)
    await niwad.client.applyService(serviceAt(`asleep-${i}`, 9000 + i, templateOf('node')));

  const loaded = load(`http://${NODE_ADDRESS}:8080/`, { seconds: SECONDS });
  const woken: ReturnType<typeof askAtOnce>[] = [];
  for (let i = 0; i < KILLS; i++) {
    const waking = sleep(Math.random() * 1000).then(() => askAtOnce(9000 + i, 3)); // before, in or after the death
    woken.push(waking);
    await sleep(500);
    await niwad.stop('SIGKILL');
    niwad = await startOnNode(place);
  }
  const result = await loaded;
  const ends = await Promise.all(woken);
  const waits = ends.map(({ ms }) => ms).sort((a, b) => a - b);
  console.log(`${loadText('awake', result)}; those who woke a service waited from ${waits[0]} to ${waits.at(-1)} ms`);
  expect(failuresOf(result)).toBe(0);
  for (const one of ends) expect(one.ends).toEqual({ answered: 3 });
  expect((await niwad.client.service('awake')).instances).toMatchObject(
    instances.map(({ id }) => ({ id, phase: 'routed' })),
  );
  const states = (await niwad.client.services()).map(({ state }) => state);
  expect(states).toEqual(states.map(() => 'serving'));
});
