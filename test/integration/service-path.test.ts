import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Destination } from '../../src/network/services/types.js';
import { ask, pythonIn } from './support/callers.js';
import { PATIENCE, SLOWNESS } from './support/host.js';
import {
  BRIDGE,
  call,
  caller,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  startServer,
  WORLD,
  wakeFrom,
} from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { listen, PathsOfNode, some, startDestinations } from './support/service-paths.js';

const bridged = { mode: 'bridge' } as const;
const shop = { name: 'shop', listen: [listen('tcp 0.0.0.0:8080'), listen('tcp [::]:8080')] };
const dns = { name: 'dns', listen: [listen('udp 0.0.0.0:5300'), listen('udp [::]:5300')] };
let niwad: Niwad;
let paths: PathsOfNode;
let [a, b, c]: Destination[] = [];

const heldNow = async (name: string) => (await paths.counts(name)).heldNow;
const untilHeld = (name: string, many: number) =>
  vi.waitFor(async () => expect(await heldNow(name)).toBe(many), PATIENCE);

makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
  [a, b, c] = await startDestinations(niwad, ['a', 'b', 'c']);
  await serve(NODE, echoServer('node', 9));
  // Right after it is set up, the link to the world loses what asks for a neighbour by IPv6.
  await vi.waitFor(() => expect(call(WORLD, '2001:db8::1', 9)).toBe('node for 2001:db8::2'), PATIENCE);
  paths = new PathsOfNode();
  await paths.open();
});
afterEach(async () => {
  for (const { name } of [shop, dns]) await paths.withdraw(name);
});
afterAll(() => paths.kill());

describe('a sleeping service', () => {
  it.each(['192.0.2.1', '2001:db8::1'])('holds 100 connections at once to %s', { tags: 'vm-long' }, async (host) => {
    await paths.declare(shop);
    const woken = paths.woken.length;
    const asked = ask(WORLD, host, 8080, 100);
    await untilHeld('shop', 100);
    expect(paths.woken.slice(woken)).toEqual(['shop']);
    await paths.route('shop', some(a));
    const { answers, ms } = await asked;
    expect(answers).toEqual({ a: 100 });
    expect(ms).toBeLessThan(1000 * SLOWNESS); // none needed a second packet
    const counts = await paths.counts('shop');
    expect(counts).toMatchObject({ held: 100, heldNow: 0, refused: {} });
    // A first packet that is repeated in the moment of the route is a connection of its own to the counters.
    for (const connections of [counts.connections, counts.byInstance.a]) {
      expect(connections).toBeGreaterThanOrEqual(100);
      expect(connections).toBeLessThanOrEqual(100 * SLOWNESS);
    }
  });

  it('lets 1000 connections go no faster than a program with a backlog of 100 takes them', async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080, 1000);
    await untilHeld('shop', 1000);
    const routed = performance.now();
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 1000 });
    expect(performance.now() - routed).toBeLessThan(950 * SLOWNESS); // the kernel would have them sent again after a second
  });

  it('holds again those that have not left when its instance is taken away', async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080, 500);
    await untilHeld('shop', 500);
    await paths.route('shop', some(a));
    await paths.route('shop', []);
    expect(await heldNow('shop')).toBeGreaterThan(100);
    await paths.route('shop', some(b));
    const { answers } = await asked;
    expect((answers.a ?? 0) + (answers.b ?? 0)).toBe(500);
  });

  it.each([
    ['its node', '127.0.0.1'],
    ['its node', '192.0.2.1'],
    ['its node', '2001:db8::1'],
    ['its node', '::1'],
  ])('holds what comes from %s to %s', async (_, host) => {
    await paths.declare(shop);
    const asked = ask(NODE, host, 8080, 3);
    await untilHeld('shop', 3);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 3 });
  });

  it.each(['192.0.2.1', '2001:db8::1'])('holds what comes from another container to %s', async (host) => {
    await paths.declare(shop);
    const asked = wakeFrom(niwad, bridged, host, 8080);
    await untilHeld('shop', 1);
    await paths.route('shop', some(a));
    expect(await asked).toMatch(/^a for /);
  });

  it('is reached by its own container, too', async () => {
    await paths.declare(shop);
    await paths.route('shop', some(a));
    for (const host of ['192.0.2.1', '2001:db8::1']) {
      const { stdout } = await niwad.cli('exec', 'a', '--', 'python3', '-c', caller(host, 8080));
      expect(stdout).toMatch(/^a for /);
    }
  });

  it('holds datagrams, and gives all of a flow to one instance', async () => {
    await paths.declare(dns);
    const sender = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('192.0.2.1', 5300))
s.settimeout(30)
for i in range(10): s.send(b'%d' % i)
print(' '.join(sorted({s.recv(100).decode().split(' ')[0] for _ in range(10)})), end='')`;
    const asked = pythonIn(WORLD, sender);
    await untilHeld('dns', 10);
    await paths.route('dns', some(a, b, c));
    expect(await asked).toMatch(/^[abc]$/);
  });

  it('counts each datagram of a client, also those to an instance that was un-routed, and no others', async () => {
    await paths.declare(dns);
    await paths.route('dns', some(a));
    const send = (from: string, host: string, port: number) =>
      pythonIn(
        from,
        `
import socket
s = socket.socket(socket.AF_INET6 if ':' in '${host}' else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(('', 40003))
s.connect(('${host}', ${port}))
for i in range(5):
    s.send(b'hello')
    s.recv(100)`,
      );
    await send(WORLD, '192.0.2.1', 5300);
    await send(WORLD, '2001:db8::1', 5300);
    await send(NODE, '127.0.0.1', 5300);
    await send(NODE, a?.address ?? '', 80);
    expect((await paths.counts('dns')).byInstance).toEqual({ a: 15 });
    await paths.route('dns', some(b), some(a));
    await send(WORLD, '192.0.2.1', 5300);
    expect((await paths.counts('dns')).byInstance).toEqual({ a: 20, b: 0 });
  });

  it('gets the datagrams of a client that has sent to its address before it was declared', async () => {
    const early = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 40001))
s.settimeout(0.1)
for _ in range(150):
    s.sendto(b'x', ('192.0.2.1', 5300))
    try:
        print(s.recv(100).decode().split(' ')[0], end='')
        break
    except TimeoutError: pass`;
    const answered = pythonIn(WORLD, early);
    await new Promise((resolve) => setTimeout(resolve, 1500 * SLOWNESS));
    await paths.declare({ ...dns, listen: [listen('udp 0.0.0.0:5300')] });
    await paths.route('dns', [{ ...(a ?? expect.fail()), port: 80 }]);
    expect(await answered).toBe('a');
  });

  it('is woken once for all that wait, and again after they were let go', async () => {
    await paths.declare(shop);
    const woken = paths.woken.length;
    for (const times of [1, 2]) {
      const asked = ask(WORLD, '192.0.2.1', 8080, 5);
      await untilHeld('shop', 5);
      await paths.route('shop', some(a));
      await asked;
      expect(paths.woken.slice(woken)).toEqual(Array.from({ length: times }, () => 'shop'));
      await paths.route('shop', []);
    }
  });

  it('holds a repeated packet once', async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080, 3);
    await untilHeld('shop', 3);
    await new Promise((resolve) => setTimeout(resolve, 1300)); // TCP repeats it after a second
    expect(await paths.counts('shop')).toMatchObject({ held: 3, heldNow: 3 });
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 3 });
  });

  it('holds no more than it may; the others are refused at once', async () => {
    await paths.declare({ ...shop, queue: 8 });
    const asked = ask(WORLD, '192.0.2.1', 8080, 20);
    await vi.waitFor(async () => expect((await paths.counts('shop')).refused).toEqual({ 'queue-full': 12 }), PATIENCE);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 8, ECONNREFUSED: 12 });
  });
});

describe('a refusal', () => {
  it('is a reset within milliseconds, of what is held and of what comes', { tags: 'vm-long' }, async () => {
    await paths.declare(shop);
    const held = ask(WORLD, '192.0.2.1', 8080, 5);
    await untilHeld('shop', 5);
    await paths.refuse('shop', 'start-failed');
    expect((await held).answers).toEqual({ ECONNREFUSED: 5 });
    for (const [name, host] of [
      [WORLD, '192.0.2.1'],
      [WORLD, '2001:db8::1'],
      [NODE, '127.0.0.1'],
    ] as const) {
      const { answers, ms } = await ask(name, host, 8080, 5);
      expect(answers).toEqual({ ECONNREFUSED: 5 });
      expect(ms).toBeLessThan(100 * SLOWNESS);
    }
    expect(await paths.counts('shop')).toMatchObject({ heldNow: 0, refused: { 'start-failed': 20 } });
    await paths.accept('shop');
    const again = ask(WORLD, '192.0.2.1', 8080);
    await untilHeld('shop', 1);
    await paths.route('shop', some(a));
    expect((await again).answers).toEqual({ a: 1 });
  });

  it('is what those get who may not wake it; all may call it when it is awake', async () => {
    await paths.declare({ ...shop, from: ['192.0.2.2/32', '2001:db8::/64'] });
    expect((await ask(NODE, '127.0.0.1', 8080, 2)).answers).toEqual({ ECONNREFUSED: 2 });
    expect((await paths.counts('shop')).refused).toEqual({ 'not-allowed': 2 });
    const asked = ask(WORLD, '192.0.2.1', 8080);
    await untilHeld('shop', 1);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 1 });
    expect((await ask(NODE, '127.0.0.1', 8080, 2)).answers).toEqual({ a: 2 });
  });
});

describe('an awake service', () => {
  it.each([2, 3])('shares its connections evenly between %s instances', async (many) => {
    await paths.declare(shop);
    await paths.route('shop', some(a, b, c).slice(0, many));
    const asked = await ask(WORLD, '192.0.2.1', 8080, 10, 60);
    const shares = Object.values(asked.answers);
    expect(shares).toHaveLength(many);
    for (const share of shares) expect(Math.abs(share - 600 / many)).toBeLessThan(90); // some 7 standard deviations
    const { byInstance } = await paths.counts('shop');
    expect(byInstance).toEqual(asked.answers);
  });

  it('leaves established connections alone when an instance is taken out', async () => {
    await serve(NODE, ECHO_FOR_EVER);
    await paths.declare(shop);
    await paths.route('shop', [{ id: 'host', address: '192.0.2.1', address6: null, port: 7777 }]);
    const kept = pythonIn(
      WORLD,
      `
import socket, time
s = socket.create_connection(('192.0.2.1', 8080))
s.settimeout(5)
for _ in range(20):
    s.send(b'x')
    assert s.recv(1) == b'x'
    time.sleep(.1)
print('kept', end='')`,
    );
    await vi.waitFor(async () => expect((await paths.counts('shop')).connections).toBe(1), PATIENCE);
    await paths.route('shop', some(b));
    expect((await ask(WORLD, '192.0.2.1', 8080, 5)).answers).toEqual({ b: 5 });
    await paths.route('shop', []);
    expect(await kept).toBe('kept');
  });

  it('refuses nobody while its routes change', async () => {
    await paths.declare(shop);
    await paths.route('shop', some(a));
    const asked = ask(WORLD, '192.0.2.1', 8080, 10, 100);
    for (let i = 0; i < 60; i++) await paths.route('shop', i % 2 === 0 ? some(b, c, a) : some(c));
    expect(Object.keys((await asked).answers).filter((one) => !'abc'.includes(one))).toEqual([]);
  });
});

const ECHO_FOR_EVER = `
import socket
l = socket.create_server(('192.0.2.1', 7777))
print('ready', flush=True)
while True:
    c, _ = l.accept()
    while d := c.recv(100): c.send(d)`;

/** Sends 30,000 SYNs with spoofed sources of 198.18.0.0/15, to which the node has no route. */
/** SYNs of many senders to port 8080 and those after it. */
const flood = (ports: number, many: number) => `
import socket, struct
def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
target = socket.inet_aton('192.0.2.1')
for i in range(${many}):
    source = bytes([198, 18 + (i >> 16 & 1), i >> 8 & 255, i & 255])
    tcp = struct.pack('!HHIIBBHHH', 1024 + i % 60000, 8080 + i % ${ports}, i, 0, 0x50, 2, 1024, 0, 0)
    sum_ = checksum(source + target + struct.pack('!BBH', 0, 6, 20) + tcp)
    tcp = tcp[:16] + struct.pack('!H', sum_) + tcp[18:]
    out.sendto(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, i & 0xffff, 0, 64, 6, 0, source, target) + tcp, ('192.0.2.1', 0))
print(${many}, end='')`;

describe('the rules', () => {
  it('are loaded again within a second when an operator flushes all rules', async () => {
    await paths.declare(shop);
    await paths.route('shop', some(a));
    await startServer(niwad, 'published', { ports: ['8070:80'] });
    inside(NODE, 'nft', 'flush', 'ruleset');
    const tables = [`table bridge ${BRIDGE}\n`, `table inet ${BRIDGE}\n`, `table inet ${BRIDGE}_services\n`];
    await vi.waitFor(
      () => {
        const found = inside(NODE, 'nft', 'list', 'tables');
        for (const table of tables) expect(found).toContain(table);
      },
      { timeout: 3000 * SLOWNESS, interval: 20 },
    );
    await vi.waitFor(() => {
      expect(call(WORLD, '192.0.2.1', 8080)).toBe('a for 192.0.2.2');
      expect(call(WORLD, '192.0.2.1', 8070)).toBe('published for 192.0.2.2');
    }, PATIENCE);
    await paths.route('shop', some(b));
    expect((await ask(WORLD, '192.0.2.1', 8080, 5)).answers).toEqual({ b: 5 });
    await niwad.client.remove('published', { force: true });
    await startServer(niwad, 'published', { ports: ['8070:80'] }); // its elements were not left behind
    await niwad.client.remove('published', { force: true });
    await vi.waitFor(
      () => expect(paths.errors).toMatch(/the rules of services were gone, and are there again/),
      PATIENCE,
    );
  });

  it("give packets to the queue by nft's own expression where the kernel has it", { tags: 'vm-long' }, async () => {
    await paths.declare(shop);
    const chain = ['list', 'chain', 'inet', `${BRIDGE}_services`, 'enqueue'];
    const rule = inside(NODE, 'nft', '--debug=netlink', ...chain);
    expect(rule).toMatch(process.env.IN_VM === '1' ? /\[ queue num [0-9]+ \]/ : /\[ target name NFQUEUE/);
  });

  it('hold no more of a flood than they may, and tell of it once', async () => {
    expect(inside(WORLD, 'ip', 'route')).not.toContain('default');
    await paths.declare({ ...shop, queue: 100 });
    const woken = paths.woken.length;
    const flooded = pythonIn(WORLD, flood(1, 30_000));
    let slowest = 0;
    for (let isOver = false; !isOver; ) {
      isOver = await Promise.race([
        flooded.then(() => true),
        new Promise<false>((r) => setTimeout(() => r(false), 50)),
      ]);
      const began = Date.now();
      await paths.counts('shop');
      slowest = Math.max(slowest, Date.now() - began);
    }
    expect(Number(await flooded)).toBe(30_000);
    expect(slowest).toBeLessThan(500 * SLOWNESS);
    expect(paths.woken.slice(woken)).toEqual(['shop']);
    const { held, heldNow, refused } = await paths.counts('shop');
    expect({ held, heldNow }).toEqual({ held: 100, heldNow: 100 });
    expect(refused.rate).toBeGreaterThan(10_000);
    await paths.route('shop', some(a));
    expect((await ask(WORLD, '192.0.2.1', 8080, 5)).answers).toEqual({ a: 5 });
  });

  it('leave room for one more service, however many others hold all they may', async () => {
    const flooded = Array.from({ length: 9 }, (_, i) => ({
      name: `f${i}`,
      listen: [listen(`tcp 0.0.0.0:${8080 + i}`)],
    }));
    try {
      for (const one of flooded) await paths.declare({ ...one, queue: 4096 });
      await paths.declare({ ...shop, listen: [listen('tcp 0.0.0.0:8089')] });
      await pythonIn(WORLD, flood(9, 9 * 4096));
      const { heldNow, refused } = await paths.counts('f0');
      expect(heldNow).toBeGreaterThan(1000);
      expect(refused['queue-full']).toBeGreaterThan(1000);
      const asked = ask(WORLD, '192.0.2.1', 8089);
      await untilHeld('shop', 1);
      await paths.route('shop', some(a));
      expect((await asked).answers).toEqual({ a: 1 });
    } finally {
      for (const { name } of flooded) await paths.withdraw(name);
    }
  });

  it('stay when their niwad is killed: who asks is served by the next one', { tags: 'vm-long' }, async () => {
    await paths.declare(shop);
    const asked = ask(WORLD, '192.0.2.1', 8080, 10);
    await untilHeld('shop', 10);
    await paths.kill();
    paths = new PathsOfNode();
    await paths.declare(shop);
    await paths.open();
    await untilHeld('shop', 10); // TCP has repeated them
    await paths.route('shop', some(b));
    expect((await asked).answers).toEqual({ b: 10 });
  });

  it('go with the last service', async () => {
    await paths.declare(shop);
    await paths.declare(dns);
    expect(inside(NODE, 'nft', 'list', 'tables')).toContain(`${BRIDGE}_services`);
    await paths.withdraw('shop');
    await paths.withdraw('dns');
    expect(inside(NODE, 'nft', 'list', 'tables')).not.toContain(`${BRIDGE}_services`);
  });
});

describe('an address', () => {
  it('is refused where a program of the host, or another service, has it', async () => {
    await serve(NODE, echoServer('host', 8099));
    await expect(paths.declare({ ...shop, listen: [listen('tcp 0.0.0.0:8099')] })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringMatching(/a program of this host listens on 0\.0\.0\.0:8099/),
    });
    await paths.declare(shop);
    await expect(paths.declare({ ...dns, listen: [listen('tcp 192.0.2.1:8080')] })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
    await expect(paths.declare({ ...dns, listen: [listen('tcp 203.0.113.1:80')] })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
    });
    await paths.declare(dns); // nothing is left of what was refused
  });
});

describe('a service with many addresses and many subnets that may wake it', () => {
  it('is declared beside another, changed and withdrawn', async () => {
    const ports = [9000, 9001, 9002, 9003].map((port) => listen(`tcp 0.0.0.0:${port}`));
    const subnets = (first: number) => Array.from({ length: 256 }, (_, i) => `${first}.${i}.0.0/16`);
    await paths.declare(shop);
    await paths.declare({ name: 'many', listen: ports, from: subnets(10) });
    expect(await ask(WORLD, '192.0.2.1', 9003)).toMatchObject({ answers: { ECONNREFUSED: 1 } });
    await paths.declare({ name: 'many', listen: ports, from: subnets(192) });
    await paths.route('many', some(a));
    expect(await ask(WORLD, '192.0.2.1', 9003)).toMatchObject({ answers: { a: 1 } });
    await paths.route('many', []);
    const asked = ask(WORLD, '192.0.2.1', 9000);
    await untilHeld('many', 1);
    await paths.withdraw('many');
    expect((await asked).answers).toEqual({ ECONNREFUSED: 1 });
    await paths.declare({ name: 'many', listen: ports.slice(0, 1), from: null });
    await paths.withdraw('many');
  });
});

describe('without br_netfilter', () => {
  beforeAll(() => {
    for (const name of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables'])
      inside(NODE, 'sh', '-c', `[ ! -e /proc/sys/net/bridge/${name} ] || echo 0 > /proc/sys/net/bridge/${name}`);
  });

  it.each(['127.0.0.1', '::1', '2001:db8::1'])('a program of the host wakes a service at %s', async (host) => {
    await paths.declare(shop);
    const asked = ask(NODE, host, 8080, 3);
    await untilHeld('shop', 3);
    await paths.route('shop', some(a));
    expect((await asked).answers).toEqual({ a: 3 });
    expect((await ask(NODE, host, 8080, 3)).answers).toEqual({ a: 3 });
  });

  it.each(['192.0.2.1', '2001:db8::1'])('a container wakes a service at %s, and reaches its own', async (host) => {
    await paths.declare(shop);
    const asked = wakeFrom(niwad, bridged, host, 8080);
    await untilHeld('shop', 1);
    await paths.route('shop', some(a));
    expect(await asked).toMatch(/^a for /);
    const { stdout } = await niwad.cli('exec', 'a', '--', 'python3', '-c', caller(host, 8080));
    expect(stdout).toMatch(/^a for /);
  });

  it('the host reaches its own programs at ::1', async () => {
    await paths.declare(shop);
    expect(call(NODE, '::1', 9)).toBe('node for ::1');
  });
});
