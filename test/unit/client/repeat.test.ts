import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NiwaClient } from '../../../src/client/client.js';

/** A daemon that closes connections at will. */

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}';

let directory: string;
let server: Server;
let client: NiwaClient;
let connections: Socket[];
let requests: string[];
/** What is done with the next requests; they are answered where nothing is said. */
let fates: ((socket: Socket) => void)[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-client-'));
  connections = [];
  requests = [];
  fates = [];
  server = createServer((socket) => {
    connections.push(socket);
    socket.on('data', (data) => {
      requests.push(data.toString().split(' ', 2).join(' '));
      const fate = fates.shift() ?? ((one: Socket) => one.write(ANSWER));
      fate(socket);
    });
    socket.on('error', () => {});
  }).listen(join(directory, 'socket'));
  await once(server, 'listening');
  client = new NiwaClient(join(directory, 'socket'));
});
afterEach(() => {
  client.close();
  for (const socket of connections) socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const create = () => client.create({ process: { args: ['true'] } });

it('sends a request again on a new connection where the kept one was closed before it (EPIPE)', async () => {
  await create();
  connections[0]?.destroy(); // the client hears of it only after it has written
  await create();
  expect(connections).toHaveLength(2);
  expect(requests).toEqual(['POST /v1/containers', 'POST /v1/containers']);
});

it('sends a request again where it was not read (ECONNRESET)', async () => {
  await create();
  const created = create();
  await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve))); // written, and not read yet
  connections[0]?.destroy();
  await created;
  expect(connections).toHaveLength(2);
  expect(requests).toHaveLength(2);
});

it('sends a request again also where many kept connections were closed', async () => {
  const held: Socket[] = [];
  fates = Array.from({ length: 5 }, () => (socket: Socket) => void held.push(socket));
  const all = Array.from({ length: 5 }, create);
  while (held.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const socket of held) socket.write(ANSWER);
  await Promise.all(all);
  for (const socket of connections.splice(0)) socket.destroy();
  await create();
  expect(connections).toHaveLength(1);
});

it('takes an answer that comes before its request was read, and bears that the connection is closed', async () => {
  const uncaught: unknown[] = [];
  const hear = (error: unknown) => void uncaught.push(error);
  process.on('uncaughtException', hear);
  try {
    for (let round = 0; round < 10; round++) {
      fates = [(socket) => void socket.pause().end(ANSWER, () => socket.destroy())];
      const args = ['true', 'x'.repeat(4 * 1024 * 1024)]; // more than the socket takes at once
      await client.create({ process: { args } });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    process.off('uncaughtException', hear);
  }
  expect(uncaught).toEqual([]);
});

it('does not repeat what may have been done: a request that was read and not answered', async () => {
  await create();
  fates = [(socket) => void socket.destroy()];
  await expect(create()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  expect(requests).toHaveLength(2);
});

it('repeats what changes nothing, a few times', async () => {
  const cut = (socket: Socket) => void socket.destroy();
  fates = [cut, cut];
  await client.health();
  expect(requests).toEqual(Array(3).fill('GET /v1/health'));
  fates = [cut, cut, cut, cut, cut];
  await expect(client.health()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
});

it('asks nothing after it was closed', async () => {
  const client = new NiwaClient('/nowhere');
  client.close();
  await expect(client.info()).rejects.toThrow('the client is closed');
});

it('repeats nothing after it was closed', async () => {
  fates = [() => {}];
  const waiting = client.health();
  while (requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.close();
  await expect(waiting).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  expect(connections).toHaveLength(1);
});
