import { expect, test } from 'vitest';
import { BusConnection } from '../../../../src/host/dbus/connection.js';
import { message, OK, peer } from './peer.js';

const PATIENCE_MS = 300;
const soon = () => performance.now() + PATIENCE_MS;
const later = () => performance.now() + 30 * PATIENCE_MS;
const CALL = { destination: 'a.b', path: '/a', interface: 'a.b', member: 'Ask', signature: 's', body: ['what'] };

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
  const bus = await BusConnection.open(path, later());
  const told: unknown[] = [];
  bus.listen((heard) => told.push('member' in heard ? heard.member : heard));
  expect(await bus.call(CALL, later())).toEqual(['/job/1']);
  expect(told).toEqual(['Told']);
  await expect(bus.call(CALL, later())).rejects.toMatchObject({ code: 'a.b.Wrong', message: 'it is wrong' });
});

test('only an answer answers a call, and what cannot be read is skipped', async () => {
  const noise = [
    message(4, [[5, 'u', 1]], 's', ['a signal']),
    message(1, [[5, 'u', 1]], 's', ['a call']),
    message(9, [[5, 'u', 1]], 's', ['of no known kind']),
    unknown(message(4, [[3, 's', 'Told']], 's', ['a signal that is read'])),
    message(2, [[5, 'u', 7]], 's', ['nobody waits']),
  ];
  const answers = [
    Buffer.concat([...noise, message(2, [[5, 'u', 1]], 's', ['the answer'])]),
    unknown(message(2, [[5, 'u', 2]], 's', ['of another type'])),
    message(2, [[5, 'u', 3]], 's', ['the next one']),
  ];
  const bus = await BusConnection.open(await peer(OK, (socket) => socket.write(answers.shift() ?? '')), later());
  bus.listen((heard) => void ('body' in heard && heard.body()));
  expect(await bus.call(CALL, later())).toEqual(['the answer']);
  await expect(bus.call(CALL, later())).rejects.toThrow('D-Bus type "!" is not known');
  expect(await bus.call(CALL, later())).toEqual(['the next one']);
});

test('a message of more than 1 MiB ends the connection before it has come', async () => {
  const head = message(2, [[5, 'u', 1]], 's', ['it is short']).subarray(0, 16);
  head.writeUInt32LE(2 ** 20, 4); // the bytes of its body
  const bus = await BusConnection.open(await peer(OK, (socket) => socket.write(head)), later());
  await expect(bus.call(CALL, later())).rejects.toThrow(/a message of D-Bus has 10486\d\d bytes, more than 1048576/);
});

test('where no answer comes, the call fails in time, and so do all others; listeners know', async () => {
  const bus = await BusConnection.open(await peer(OK), later());
  const told: unknown[] = [];
  const late = { message: 'it has not answered in time' };
  bus.listen((heard) => told.push(heard));
  const calls = [bus.call(CALL, later()), bus.call(CALL, soon())];
  for (const call of calls) await expect(call).rejects.toMatchObject(late);
  bus.listen((heard) => told.push(heard));
  expect(told).toMatchObject([late, late]);
  await expect(bus.call(CALL, later())).rejects.toMatchObject(late);
});

test('a call whose values do not fit fails alone', async () => {
  const bus = await BusConnection.open(await peer(OK), soon());
  await expect(bus.call({ ...CALL, signature: 't', body: [2n ** 64n] }, soon())).rejects.toThrow(RangeError);
  const told: unknown[] = [];
  bus.listen((heard) => told.push(heard));
  await new Promise((resolve) => setTimeout(resolve, 2 * PATIENCE_MS));
  expect(told).toEqual([]);
});

test('a peer that refuses, is silent, ends or speaks something else is no bus', async () => {
  const refused = BusConnection.open(await peer('REJECTED EXTERNAL\r\n'), soon());
  await expect(refused).rejects.toThrow('the connection was refused: REJECTED EXTERNAL');
  await expect(BusConnection.open(await peer(''), soon())).rejects.toThrow('it has not answered');
  await expect(BusConnection.open('/no/such', soon())).rejects.toMatchObject({ code: 'ENOENT' });
  const ending = await BusConnection.open(await peer(OK, (socket) => socket.destroy()), soon());
  await expect(ending.call(CALL, later())).rejects.toThrow(/closed the connection|ECONNRESET|EPIPE/);
  const other = await BusConnection.open(await peer(OK, (socket) => socket.write('HTTP/1.1 400 Bad')), soon());
  await expect(other.call(CALL, later())).rejects.toThrow('speaks no D-Bus');
});

/** Gives the body of a message with one text a type that nobody knows. */
function unknown(bytes: Buffer): Buffer {
  bytes[bytes.indexOf('\x08\x01g\0\x01s') + 5] = '!'.charCodeAt(0); // behind its field, which is a signature
  return bytes;
}
