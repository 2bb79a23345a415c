// @ts-check
// A WebSocket server (RFC 6455) on port 80 that says to each client, twice a second, from which host it speaks, and at
// SIGTERM tells all of them that it goes away (1001).
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** @type {Set<import('node:stream').Duplex>} */
const clients = new Set();

/** @param {number} opcode @param {Buffer} payload of at most 125 bytes */
const frame = (opcode, payload) => Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);

const server = createServer((_request, response) => response.end('here are WebSockets only\n'));
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  clients.add(socket);
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.once('close', () => clients.delete(socket));
});
setInterval(() => {
  for (const socket of clients) socket.write(frame(1, Buffer.from(hostname())));
}, 500).unref();
process.once('SIGTERM', () => {
  server.close();
  for (const socket of clients) socket.end(frame(8, Buffer.from([0x03, 0xe9])));
});
server.listen(80);
