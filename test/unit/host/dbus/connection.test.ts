import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BusConnection } from '../../../../src/host/dbus/connection.js';
import { type BusValue, encode } from '../../../../src/host/dbus/value.js';

const PATIENCE_MS = 300;
const CALL = { destination: 'a.b', path: '/a', interface: 'a.b', member: 'Ask', signature: 's', body: ['what'] };
const OK = 'OK 0123456789abcdef\r\n';

/** A peer that says `greeting`, and hands each later piece of bytes to `answer`. */
async function peer(greeting: string, answer: (socket: Socket, bytes: Buffer) => void = () => {}): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-bus-'));
  const path = join(directory, 'socket');
  const server = createServer((socket) => {
    socket.once('data', (bytes) => {
      expect(bytes.toString('latin1')).toMatch(/^\0AUTH EXTERNAL (3\d)+\r\nBEGIN\r\n$/);
      socket.write(greeting);
      socket.on('data', (more: Buffer) => answer(socket, more));
    });
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  return path;
}

/** A message with some fields. @param fields each a number, a type and a value */
function message(kind: number, fields: [number, string, BusValue][], signature: string, body: BusValue[]): Buffer {
  const bytes = encode(signature, body);
  const all = [...fields, [8, 'g', signature] as const].map(
    ([field, type, value]) => [field, { type, value }] as const,
  );
  const head = encode('yyyyuua(yv)', ['l'.charCodeAt(0), kind, 0, 1, bytes.length, 9, all]);
  return Buffer.concat([head, Buffer.alloc((8 - (head.length % 8)) % 8), bytes]);
}

test('a call has its answer, an error its name, and a signal its listener, in any pieces', async () => {
  const signal = message(4, [[3, 's', 'Told']], 'u', [5]);
  const answers = [
    Buffer.concat([signal, message(2, [[5, 'u', 1]], 'o', ['/job/1'])]),
    message(3, [[5, 'u', 2], [4, 's', 'a.b.Wrong']], 's', ['it is wrong']), // biome-ignore format: one line
  ];
  const path = await peer(OK, async (socket) => {
    for (const byte of answers.shift() ?? []) {
      socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
  });
  const bus = await BusConnection.open(path, PATIENCE_MS * 30);
  const told: unknown[] = [];
  bus.listen((heard) => told.push(heard?.member));
  expect(await bus.call(CALL)).toEqual(['/job/1']);
  expect(told).toEqual(['Told']);
  await expect(bus.call(CALL)).rejects.toMatchObject({ code: 'a.b.Wrong', message: 'it is wrong' });
});

test('where no answer comes, the call fails in time, and so do all others; listeners know', async () => {
  const bus = await BusConnection.open(await peer(OK), PATIENCE_MS);
  const told: unknown[] = [];
  bus.listen((heard) => told.push(heard));
  const calls = [bus.call(CALL), bus.call(CALL)];
  for (const call of calls) await expect(call).rejects.toThrow('it has not answered for 0.3 s');
  expect(told).toEqual([null]);
  await expect(bus.call(CALL)).rejects.toThrow('the connection is closed');
});

test('a peer that refuses, is silent, ends or speaks something else is no bus', async () => {
  const refused = BusConnection.open(await peer('REJECTED EXTERNAL\r\n'), PATIENCE_MS);
  await expect(refused).rejects.toThrow('the connection was refused: REJECTED EXTERNAL');
  await expect(BusConnection.open(await peer(''), PATIENCE_MS)).rejects.toThrow('it has not answered');
  await expect(BusConnection.open('/no/such', PATIENCE_MS)).rejects.toMatchObject({ code: 'ENOENT' });
  const ending = await BusConnection.open(await peer(OK, (socket) => socket.destroy()), PATIENCE_MS);
  await expect(ending.call(CALL)).rejects.toThrow(/closed the connection|ECONNRESET|EPIPE/);
  const other = await BusConnection.open(await peer(OK, (socket) => socket.write('HTTP/1.1 400 Bad')), PATIENCE_MS);
  await expect(other.call(CALL)).rejects.toThrow('speaks no D-Bus');
});
