import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { fieldsOf, pick, streamArray } from '../../../src/api/paging.js';
import { refusal } from '../support.js';

/** A server with /items, which streams what is given, and /short; gives what asks it. */
async function serve(items: () => Iterable<string> | AsyncIterable<string>) {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-paging-'));
  const path = join(directory, 'socket');
  const server = Fastify({ forceCloseConnections: true });
  onTestFinished(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  server.get('/items', async (_request, reply) => streamArray(reply, items()));
  server.get('/framed', async (_request, reply) =>
    streamArray(reply, items(), { before: '{"rows":[', after: () => '],"skipped":1}' }),
  );
  server.get('/short', async () => 'ok');
  await server.listen({ path });
  return async (url: string): Promise<IncomingMessage> => {
    const call = request({ socketPath: path, path: url, agent: false }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    return response;
  };
}

it('streams an array of any number of items, and what it stands in', async () => {
  let items: string[] = [];
  const ask = await serve(() => items);
  for (const count of [0, 1, 2, 20_000]) {
    items = Array.from({ length: count }, (_, i) => `{"n":${i}}`);
    const expected = Array.from({ length: count }, (_, n) => ({ n }));
    expect(await json(await ask('/items'))).toEqual(expected);
    expect(await json(await ask('/framed'))).toEqual({ rows: expected, skipped: 1 });
  }
});

it('streams more than one string can hold', async () => {
  const item = JSON.stringify('x'.repeat(1024 * 1024));
  const ask = await serve(() => Array<string>(545).fill(item));
  let bytes = 0;
  for await (const piece of (await ask('/items')) as AsyncIterable<Buffer>) bytes += piece.length;
  expect(bytes).toBe(545 * (item.length + 1) + 1);
  expect(() => Array<string>(545).fill(item).join(',')).toThrow('Invalid string length');
});

it('serves others while it streams, and makes nothing ahead of its reader', async () => {
  let made = 0;
  const item = JSON.stringify('x'.repeat(1000));
  const ask = await serve(function* () {
    for (; made < 1_000_000; made++) yield item;
  });
  const reading = await ask('/items');
  expect(await text(await ask('/short'))).toBe('ok');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(made).toBeLessThan(100_000);
  reading.destroy();
});

it('refuses where the first item cannot be made, and cuts the answer off where a later one cannot', async () => {
  let ahead = 0;
  const ask = await serve(async function* () {
    for (let i = 0; i < ahead; i++) yield JSON.stringify('x'.repeat(1000));
    throw new Error('the disk has failed');
  });
  expect((await ask('/items')).statusCode).toBe(500);
  ahead = 1000;
  await expect(ask('/items').then(text)).rejects.toThrow('aborted');
});

it('reads the names of fields', () => {
  expect(fieldsOf(undefined, ['id', 'spec'])).toBeUndefined();
  expect(fieldsOf('spec,id', ['id', 'spec'])).toEqual(['spec', 'id']);
  expect(refusal(() => fieldsOf('id,x', ['id', 'spec'])).details.problems).toEqual([
    { path: 'fields', found: '"x"', allowed: 'id, spec' },
  ]);
  expect(refusal(() => fieldsOf('', ['id'])).code).toBe('SPEC_INVALID');
});

it('picks fields', () => {
  expect(pick({ a: 1, b: null, c: 3 }, ['c', 'b', 'toString'])).toEqual({ c: 3, b: null });
});
