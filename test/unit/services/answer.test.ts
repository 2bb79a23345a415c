import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { instanceAnswers } from '../../../src/services/answer.js';

const at = (protocol: 'tcp' | 'udp', family: 4 | 6) => ({ protocol, family, address: null, port: 1 });
const listen = (...protocols: ('tcp' | 'udp')[]) => protocols.map((protocol) => at(protocol, 4));
const never = async () => false;
const silent = { isMissing: () => {}, warn: () => {} };
const HERE = { address: '127.0.0.1', address6: '::1' };

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
  const to = { ...HERE, port };
  const begun = performance.now();
  const answered = instanceAnswers({ listen: listen('tcp') }, to, never, new AbortController().signal, silent);
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
  const to = { ...HERE, port: 1 };
  expect(await instanceAnswers({ listen: listen('udp') }, to, isBound, new AbortController().signal, silent)).toBe(
    true,
  );
  expect(asked).toBe(4);
});

it('nobody waits for a program that has ended', async () => {
  const end = new AbortController();
  const to = { ...HERE, port: await freePort() };
  const answered = instanceAnswers({ listen: listen('tcp', 'udp') }, to, never, end.signal, silent);
  setTimeout(() => end.abort(), 20);
  expect(await answered).toBe(false);
});

it('tells what it meets while a program does not answer', async () => {
  const end = new AbortController();
  const met = new Set<string>();
  const tell = (what: string) => void met.add(what);
  const tcp = { ...HERE, port: await freePort() };
  const udp = { ...HERE, port: 53 };
  const waits = [
    instanceAnswers({ listen: listen('tcp') }, tcp, never, end.signal, { ...silent, isMissing: tell }),
    instanceAnswers({ listen: listen('udp') }, udp, never, end.signal, { ...silent, isMissing: tell }),
  ];
  await expect.poll(() => met.size).toBe(2);
  end.abort();
  await Promise.all(waits);
  expect([...met].join('\n')).toContain(
    `connection refused at 127.0.0.1:${tcp.port} on the bridge: nothing listens there`,
  );
  expect([...met].join('\n')).toContain('no program has a socket at the UDP port 53');
});

describe('a program that listens by one family alone', () => {
  const both = [at('tcp', 4), at('tcp', 6)];

  async function listening(host: string): Promise<{ port: number; close: () => void }> {
    const port = await freePort();
    const server = createServer((socket) => socket.destroy()).listen(port, host);
    await once(server, 'listening');
    return { port, close: () => server.close() };
  }

  it('IPv6 answers where its service listens by IPv6 alone', async () => {
    const { port, close } = await listening('::1');
    const end = AbortSignal.timeout(2000);
    expect(await instanceAnswers({ listen: [at('tcp', 6)] }, { ...HERE, port }, never, end, silent)).toBe(true);
    close();
  });

  it('IPv4 does not answer where its service listens by IPv6 alone', async () => {
    const { port, close } = await listening('127.0.0.1');
    const met: string[] = [];
    const asking = { ...silent, isMissing: (what: string) => void met.push(what) };
    const end = AbortSignal.timeout(100);
    expect(await instanceAnswers({ listen: [at('tcp', 6)] }, { ...HERE, port }, never, end, asking)).toBe(false);
    expect(met[0]).toContain(`connection refused at [::1]:${port} on the bridge`);
    close();
  });

  it.each([
    ['127.0.0.1', [expect.stringContaining('does not answer by IPv6')]],
    ['::', []], // both
  ])('%s answers where its service listens by both, and what lacks is told', async (host, told) => {
    const { port, close } = await listening(host);
    const warnings: string[] = [];
    const asking = { ...silent, warn: (what: string) => void warnings.push(what) };
    const { signal } = new AbortController();
    expect(await instanceAnswers({ listen: both }, { ...HERE, port }, never, signal, asking)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(warnings).toEqual(told);
    close();
  });
});
