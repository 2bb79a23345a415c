import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { NiwaClient } from '../../../src/client/client.js';

/**
 * Starts a server that answers each request for events by the next function; the stream ends with that function, as
 * with the end of a niwad. Gives a client, and the queries that it sent.
 */
async function startServer(...answers: ((response: ServerResponse) => void)[]) {
  const place = mkdtempSync(join(tmpdir(), 'niwa-client-'));
  const socket = join(place, 'socket');
  const queries: URLSearchParams[] = [];
  const server = createServer(({ url = '' }, response) => {
    response.setHeader('niwa-after', '0');
    answers[queries.length]?.(response);
    queries.push(new URL(url, 'http://niwad').searchParams);
    response.end();
  });
  const client = new NiwaClient(socket);
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { client, queries };
}

const created = (seq: number) => (response: ServerResponse) =>
  response.write(`{"seq":${seq},"type":"create","id":"a"}\n`);

test('a client that is closed before it asks for events again does not ask again', async () => {
  const { client, queries } = await startServer(created(1));
  const events = client.events();
  expect((await events.next()).value).toMatchObject({ seq: 1 });
  const next = events.next();
  const outcome = expect(next).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  await sleep(50);
  client.close();
  await outcome;
  expect(queries).toHaveLength(1);
});

test('a span before now begins at the same time also where the first connection ends before a line', async () => {
  const nothing = () => {};
  const { client, queries } = await startServer(nothing, nothing, created(5), created(6));
  const events = client.events({ since: '10m' });
  const asked = Date.now();
  expect([(await events.next()).value, (await events.next()).value]).toMatchObject([{ seq: 5 }, { seq: 6 }]);
  const [first, ...others] = queries.map((query) => query.get('since'));
  expect(Math.abs(Date.parse(first ?? '') - (asked - 600_000))).toBeLessThan(5000);
  expect(others).toEqual([first, first, null]);
});

test('a time that no niwad understands is left to niwad, which refuses it', async () => {
  const { client, queries } = await startServer(created(1));
  await client.events({ since: 'yesterday' }).next();
  expect(queries.map((query) => query.get('since'))).toEqual(['yesterday']);
});

test('a client goes on behind the events of which niwad said that they do not fit', async () => {
  const position = (seq: number) => (response: ServerResponse) => response.write(`{"type":"position","seq":${seq}}\n`);
  const { client, queries } = await startServer(position(100), position(200), created(205));
  const events = client.events({ owner: 'ann', since: '1h' });
  expect((await events.next()).value).toMatchObject({ seq: 205 });
  expect(queries.map((query) => query.get('after'))).toEqual([null, '100', '200']);
});
