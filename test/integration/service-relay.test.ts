import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Destination } from '../../src/network/services/types.js';
import { ask, pythonIn } from './support/callers.js';
import { PATIENCE, SLOWNESS } from './support/host.js';
import {
  call,
  callFrom,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  WORLD,
  wakeFrom,
} from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { listen, PathsOfNode, some, startDestinations } from './support/service-paths.js';

/** The data path of services on a kernel without a queue for packets: niwad accepts and relays what wakes a service. */

const bridged = { mode: 'bridge' } as const;
const shop = { name: 'shop', listen: [listen('tcp 0.0.0.0:8080'), listen('tcp [::]:8080')] };
let niwad: Niwad;
let paths: PathsOfNode;
let [a, b]: Destination[] = [];

const untilHeld = (many: number) =>
  vi.waitFor(async () => expect((await paths.counts('shop')).heldNow).toBe(many), PATIENCE);

/** A server on the node that answers with all that it was told, and says its own end only after that. */
const PARROT_PORT = 7777;
const PARROT = `
import socket, threading
l = socket.create_server(('::', ${PARROT_PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
def answer(c):
    while d := c.recv(1 << 16): c.sendall(d)
    c.sendall(b'end')
    c.close()
while True: threading.Thread(target=answer, args=(l.accept()[0],), daemon=True).start()`;
const parrot = { id: 'parrot', address: '192.0.2.1', address6: '2001:db8::1', port: PARROT_PORT };

makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
  [a, b] = await startDestinations(niwad, ['a', 'b']);
  await serve(NODE, echoServer('node', 9));
  await serve(NODE, PARROT);
  await vi.waitFor(() => expect(call(WORLD, '2001:db8::1', 9)).toBe('node for 2001:db8::2'), PATIENCE);
  paths = new PathsOfNode({ NIWA_NO_QUEUE: '1' });
  await paths.open();
});
afterEach(() => paths.withdraw('shop'));
afterAll(() => paths.kill());

describe('a sleeping service without a queue', () => {
  it.each(['192.0.2.1', '2001:db8::1'])('holds 100 connections at once to %s, and none is refused', async (host) => {
    await paths.declare(shop);
    const woken = paths.woken.length;
    const asked = ask(WORLD, host, 8080, 100);
    await untilHeld(100);
    expect(paths.woken.slice(woken)).toEqual(['shop']);
    await paths.route('shop', some(a, b));
    const { answers, ms } = await asked;
    expect(answers).toEqual({ a: 50, b: 50 });
    expect(ms).toBeLessThan(1000 * SLOWNESS);
    expect(await paths.counts('shop')).toMatchObject({
      connections: 100,
      byInstance: { a: 50, b: 50 },
      held: 100,
      heldNow: 0,
      refused: {},
    });
    expect(paths.errors.match(/no queue for packets/g)).toHaveLength(1);
  });

  it('gives those that come later to the kernel', async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080);
    await untilHeld(1);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 1 });
    expect(call(WORLD, '192.0.2.1', 8080)).toBe('a for 192.0.2.2'); // the relay hides the client's address
    expect(await paths.counts('shop')).toMatchObject({ connections: 2, byInstance: { a: 2 }, held: 1 });
  });

  it.each(['127.0.0.1', '192.0.2.1', '2001:db8::1', '::1'])('holds what comes from its node to %s', async (host) => {
    await paths.declare(shop);
    const asked = ask(NODE, host, 8080, 3);
    await untilHeld(3);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 3 });
    expect((await ask(NODE, host, 8080, 3)).answers).toEqual({ a: 3 });
    expect(await paths.counts('shop')).toMatchObject({ connections: 6, byInstance: { a: 6 } });
  });

  it.each(['192.0.2.1', '2001:db8::1'])('holds what comes from another container to %s', async (host) => {
    await paths.declare(shop);
    const asked = wakeFrom(niwad, bridged, host, 8080);
    await untilHeld(1);
    await paths.route('shop', some(a));
    expect(await asked).toMatch(/^a for /);
  });

  it('refuses what it may not hold, with a reset', async () => {
    await paths.declare({ ...shop, queue: 8 });
    const asked = ask(WORLD, '192.0.2.1', 8080, 20);
    await vi.waitFor(async () => expect((await paths.counts('shop')).refused).toEqual({ 'queue-full': 12 }), PATIENCE);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 8, ECONNRESET: 12 });
  });

  it('refuses what is held, and what comes, while it may not be started', async () => {
    await paths.declare(shop);
    const held = ask(WORLD, '192.0.2.1', 8080, 5);
    await untilHeld(5);
    await paths.refuse('shop', 'start-failed');
    expect((await held).answers).toEqual({ ECONNRESET: 5 });
    expect((await ask(WORLD, '192.0.2.1', 8080, 5)).answers).toEqual({ ECONNREFUSED: 5 });
    expect(await paths.counts('shop')).toMatchObject({ heldNow: 0, refused: { 'start-failed': 10 } });
    await paths.accept('shop');
    const again = ask(WORLD, '192.0.2.1', 8080);
    await untilHeld(1);
    await paths.route('shop', some(a));
    expect((await again).answers).toEqual({ a: 1 });
  });

  it('is woken by those alone who may wake it', async () => {
    await paths.declare({ ...shop, from: ['192.0.2.2/32'] });
    const woken = paths.woken.length;
    expect((await ask(NODE, '127.0.0.1', 8080, 2)).answers).toEqual({ ECONNREFUSED: 2 });
    expect((await ask(NODE, '::1', 8080, 2)).answers).toEqual({ ECONNREFUSED: 2 });
    expect((await paths.counts('shop')).refused).toEqual({ 'not-allowed': 4 });
    expect(paths.woken.slice(woken)).toEqual([]);
  });

  it('forgets a client that has gone', async () => {
    await paths.declare(shop);
    await pythonIn(
      WORLD,
      `
import socket, struct
s = socket.create_connection(('192.0.2.1', 8080))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()`,
    );
    await untilHeld(0);
    expect((await paths.counts('shop')).held).toBe(1);
  });

  it('tries the other instances where one does not answer', async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080, 10);
    await untilHeld(10);
    await paths.route('shop', some({ ...parrot, id: 'gone', port: 7 }, a));
    expect((await asked).answers).toEqual({ a: 10 });
    expect((await paths.counts('shop')).byInstance).toEqual({ gone: 0, a: 10 });
  });

  it('cannot have UDP', async () => {
    const udp = { name: 'shop', listen: [listen('udp 0.0.0.0:5300')] };
    await expect(paths.declare(udp)).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringMatching(/cannot listen on 0\.0\.0\.0:5300\/udp: this kernel has no queue for packets/),
    });
  });

  it('has a relay that nobody reaches directly', async () => {
    await paths.declare(shop);
    const rule = inside(NODE, 'nft', 'list', 'ruleset').match(/tcp dport (\d+) ct state new/);
    const port = Number(rule?.[1]);
    expect(port).toBeLessThan(1024);
    for (const [name, host] of [
      [WORLD, '192.0.2.1'],
      [WORLD, '2001:db8::1'],
      [NODE, '127.0.0.1'],
      [NODE, '::1'],
    ] as const)
      expect((await ask(name, host, port)).answers, `${name} ${host}`).toEqual({ ECONNREFUSED: 1 });
    expect(await callFrom(niwad, bridged, '10.77.0.1', port)).toBe('nothing');
  });
});

/** A client that sends what it has slowly or fast, ends its words, and reads all the rest; says how much was right. */
const talk = (host: string, bytes: number, pause = 0) => `
import hashlib, socket, threading, time
s = socket.create_connection(('${host}', 8080), 10)
s.settimeout(20)
sent = bytes(range(251)) * (${bytes} // 251)
def send():
    s.sendall(sent)
    s.shutdown(socket.SHUT_WR)
t = threading.Thread(target=send)
t.start()
time.sleep(${pause})
got = b''.join(iter(lambda: s.recv(1 << 20), b''))
print('whole' if got == sent + b'end' else f'{len(got)} of {len(sent) + 3} bytes', end='')`;

describe('a relayed connection', () => {
  it.each([
    ['a word and the end of the words', '192.0.2.1', 251, 0],
    ['32 MiB each way', '192.0.2.1', 32 << 20, 0],
    ['32 MiB each way by IPv6', '2001:db8::1', 32 << 20, 0],
    ['16 MiB to a client that does not read at first', '192.0.2.1', 16 << 20, 0.5],
  ])('carries %s', async (_, host, bytes, pause) => {
    await paths.declare(shop);
    const talked = pythonIn(WORLD, talk(host, bytes, pause));
    await untilHeld(1);
    await paths.route('shop', [parrot]);
    expect(await talked).toBe('whole');
  });

  it('stays when its service sleeps again, or is withdrawn', async () => {
    await paths.declare(shop);
    const kept = pythonIn(
      WORLD,
      `
import socket, time
s = socket.create_connection(('192.0.2.1', 8080))
s.settimeout(5)
for _ in range(15):
    s.send(b'x')
    assert s.recv(1) == b'x'
    time.sleep(.1)
print('kept', end='')`,
    );
    await untilHeld(1);
    await paths.route('shop', [parrot]);
    await vi.waitFor(async () => expect((await paths.counts('shop')).connections).toBe(1), PATIENCE);
    await paths.route('shop', []);
    await paths.withdraw('shop');
    expect(await kept).toBe('kept');
  });
});
