import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { instanceAnswers } from '../../../src/services/answer.js';

const listen = (...protocols: ('tcp' | 'udp')[]) =>
  protocols.map((protocol) => ({ protocol, family: 4 as const, address: null, port: 1 }));
const never = async () => false;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it('a program answers from the moment at which it accepts connections', async () => {
  const port = await freePort();
  const to = { address: '127.0.0.1', port };
  const begun = performance.now();
  const answered = instanceAnswers({ listen: listen('tcp') }, to, never, new AbortController().signal, () => {});
  await new Promise((resolve) => setTimeout(resolve, 60));
  const server = createServer((socket) => socket.resume()).listen(port, '127.0.0.1');
  expect(await answered).toBe(true);
  expect(performance.now() - begun).toBeGreaterThan(55);
  server.close();
});

it('a program of UDP answers when it has a socket at the port', async () => {
  let asked = 0;
  const isBound = async () => {
    if (asked++ === 0) throw new Error('it has just been made');
    return asked > 3;
  };
  const to = { address: '127.0.0.1', port: 1 };
  expect(await instanceAnswers({ listen: listen('udp') }, to, isBound, new AbortController().signal, () => {})).toBe(
    true,
  );
  expect(asked).toBe(4);
});

it('nobody waits for a program that has ended', async () => {
  const end = new AbortController();
  const to = { address: '127.0.0.1', port: await freePort() };
  const answered = instanceAnswers({ listen: listen('tcp', 'udp') }, to, never, end.signal, () => {});
  setTimeout(() => end.abort(), 20);
  expect(await answered).toBe(false);
});

it('tells what it meets while a program does not answer', async () => {
  const end = new AbortController();
  const met = new Set<string>();
  const tell = (what: string) => void met.add(what);
  const tcp = { address: '127.0.0.1', port: await freePort() };
  const udp = { address: '127.0.0.1', port: 53 };
  const waits = [
    instanceAnswers({ listen: listen('tcp') }, tcp, never, end.signal, tell),
    instanceAnswers({ listen: listen('udp') }, udp, never, end.signal, tell),
  ];
  await expect.poll(() => met.size).toBe(2);
  end.abort();
  await Promise.all(waits);
  expect([...met].join('\n')).toContain(
    `connection refused at 127.0.0.1:${tcp.port} on the bridge: nothing listens there`,
  );
  expect([...met].join('\n')).toContain('no program has a socket at the UDP port 53');
});
