import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type BusValue, encode } from '../../../../src/host/dbus/value.js';

export const OK = 'OK 0123456789abcdef\r\n';

/** A peer that says `greeting`, and hands each later piece of bytes to `answer`. */
export async function peer(
  greeting: string,
  answer: (socket: Socket, bytes: Buffer) => void = () => {},
): Promise<string> {
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
export function message(
  kind: number,
  fields: [number, string, BusValue][],
  signature: string,
  body: BusValue[],
): Buffer {
  const bytes = encode(signature, body);
  const all = [...fields, [8, 'g', signature] as const].map(
    ([field, type, value]) => [field, { type, value }] as const,
  );
  const head = encode('yyyyuua(yv)', ['l'.charCodeAt(0), kind, 0, 1, bytes.length, 9, all]);
  return Buffer.concat([head, Buffer.alloc((8 - (head.length % 8)) % 8), bytes]);
}
