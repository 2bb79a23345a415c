// @module-tag vm
import { request } from 'node:http';
import { expect } from 'vitest';
import type { EventLine, Stats } from '../../src/client/index.js';
import { scaled } from './support/host.js';
import { raw } from './support/http.js';
import { test } from './support/test.js';

test('stats are a line of JSON per interval, until the end', async ({ niwad }) => {
  const script = 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0.5';
  await niwad.start({ id: 'streamed', process: { args: ['sh', '-c', script] } });
  const { text, type } = await raw(niwad.socket, 'GET', '/v1/containers/streamed/stats?stream=true');
  expect(type).toBe('application/x-ndjson');
  const readings = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Stats);
  expect(readings.length).toBeGreaterThanOrEqual(3);
  expect(readings.at(0)?.state).toBe('running');
  expect(readings.at(-1)?.state).toBe('exited');
  const used = readings.map(({ usage }) => usage.cpu.usage_usec ?? 0);
  expect(used).toEqual([...used].sort((a, b) => a - b));
  expect(readings.at(-1)?.usage).toEqual((await niwad.client.inspect('streamed')).usage);
});

test('the stats of all are a list per line', async ({ niwad }) => {
  for (const id of ['one', 'two']) await niwad.start({ id, process: { args: ['sleep', '1000'] } });
  for await (const readings of niwad.client.streamAllStats()) {
    expect(readings.map(({ id }) => id)).toEqual(['one', 'two']);
    break;
  }
  for (const id of ['one', 'two']) await niwad.client.remove(id, { force: true });
  expect(await niwad.client.allStats()).toEqual([]);
});

test('events come in their order, to everybody who listens', async ({ niwad }) => {
  const { client } = niwad;
  const listen = async () => {
    const heard: Exclude<EventLine, { type: 'gap' }>[] = [];
    for await (const event of client.events()) {
      if (event.type === 'gap') throw new Error('a gap');
      heard.push(event);
      if (event.type === 'remove') return heard;
    }
    return heard;
  };
  const listeners = [listen(), listen()];
  await client.health(); // requests are served in their order: both listen now
  await client.create({ id: 'heard', process: { args: ['sleep', '1000'] }, owner: 'ann', labels: { app: 'x' } });
  await client.start('heard');
  await client.pause('heard');
  await client.resume('heard');
  await client.setLifetime('heard', { lifetime: '1h' });
  await client.stop('heard');
  await client.remove('heard');
  for (const heard of await Promise.all(listeners)) {
    const types = ['create', 'start', 'pause', 'resume', 'lifetime', 'stopping', 'exit', 'remove'];
    expect(heard.map(({ type }) => type)).toEqual(types);
    expect(heard.every(({ id, at }) => id === 'heard' && !Number.isNaN(Date.parse(at)))).toBe(true);
    expect(heard.every(({ owner, labels }) => owner === 'ann' && labels.app === 'x')).toBe(true);
    expect(heard.find(({ type }) => type === 'exit')).toMatchObject({ exit: { reason: 'stopped' } });
  }
});

test('the head of an answer comes before the first event', async ({ niwad }) => {
  const status = await new Promise((resolve, reject) => {
    const events = request({ socketPath: niwad.socket, path: '/v1/events', timeout: scaled(5000) }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    events
      .on('timeout', () => events.destroy(new Error('no head')))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
});
