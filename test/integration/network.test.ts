import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { PATIENCE, SLOWNESS } from './support/host.js';
import {
  addressOf,
  BRIDGE,
  call,
  caller,
  callFrom,
  devices,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  startServer,
  WORLD,
} from './support/network.js';
import type { Niwad } from './support/niwad.js';

const bridged = { mode: 'bridge' } as const;
let niwad: Niwad;

makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
  await serve(WORLD, echoServer('world', 7));
  // Right after it is set up, the link to the world loses what asks for a neighbour by IPv6.
  await vi.waitFor(() => expect(call(NODE, '2001:db8::2', 7)).toBe('world for 2001:db8::1'), PATIENCE);
  await serve(NODE, echoServer('node', 9));
});

const v6 = (address: string) => `fd6e:6977:6100::${Number(address.split('.')[3]).toString(16)}`;
const rules = () => inside(NODE, 'nft', 'list', 'ruleset');
const python = (program: string) => ({ args: ['python3', '-c', program] });

describe('a bridged container', () => {
  it('reaches the world by both families, and comes from the address of its node', { tags: 'vm-long' }, async () => {
    expect(await callFrom(niwad, bridged, '192.0.2.2', 7)).toBe('world for 192.0.2.1');
    expect(await callFrom(niwad, bridged, '2001:db8::2', 7)).toBe('world for 2001:db8::1');
  });

  it('answers through published ports, to the world, its node and other containers', async () => {
    await startServer(niwad, 'net-site', { ports: ['8080:80', { host: 8081, container: 80, protocol: 'udp' }] });
    const near = addressOf(niwad, 'net-site').replace(/\.[0-9]+$/, '.1');
    for (const protocol of ['tcp', 'udp'] as const) {
      const port = protocol === 'tcp' ? 8080 : 8081;
      expect(call(WORLD, '192.0.2.1', port, protocol)).toBe('net-site for 192.0.2.2');
      expect(call(WORLD, '2001:db8::1', port, protocol)).toBe('net-site for 2001:db8::2');
      expect(call(NODE, '127.0.0.1', port, protocol)).toBe(`net-site for ${near}`);
      expect(call(NODE, '192.0.2.1', port, protocol)).toBe('net-site for 192.0.2.1');
    }
    expect(await callFrom(niwad, bridged, '192.0.2.1', 8080)).toMatch(/^net-site for 10\.77\.0\.[0-9]+$/);
    expect(await callFrom(niwad, bridged, '2001:db8::1', 8080)).toMatch(/^net-site for fd6e:6977:6100::[0-9a-f]+$/);
    expect(call(WORLD, '192.0.2.1', 8082)).toBe('nothing');
    await niwad.client.remove('net-site', { force: true });
    expect(call(WORLD, '192.0.2.1', 8080)).toBe('nothing');
  });

  it('answers through a free port of the host, which niwad chooses and shows', async () => {
    await startServer(niwad, 'net-any', { ports: ['80', '127.0.0.1::80'], hosts: { gate: 'host-gateway' } });
    const { network } = (await niwad.client.inspect('net-any')).spec;
    const [all = 0, local = 0] = network?.ports.map(({ host }) => host) ?? [];
    expect(call(WORLD, '192.0.2.1', all)).toBe('net-any for 192.0.2.2');
    expect(call(WORLD, '192.0.2.1', local)).toBe('nothing');
    expect(call(NODE, '127.0.0.1', local)).toMatch(/^net-any for /);
    expect(network?.hosts).toEqual({ gate: '10.77.0.1' });
    await niwad.client.remove('net-any', { force: true });
  });

  it('takes a UDP port over from one that has ended, with who goes on sending', async () => {
    const program = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('192.0.2.2', 5555)) # for the kernel all that it sends is one flow
s.settimeout(1)
s.sendto(b'hello', ('192.0.2.1', 8085))
try: print(s.recv(100).decode(), end='')
except OSError: print('nothing', end='')`;
    const ask = () => inside(WORLD, 'python3', '-c', program);
    for (const id of ['net-before', 'net-after']) {
      expect(ask()).toBe('nothing');
      await startServer(niwad, id, { ports: ['8085:80/udp'] });
      expect(ask()).toBe(`${id} for 192.0.2.2`);
      await niwad.client.remove(id, { force: true });
    }
  });

  it('publishes on one address of the host only, where that is said', async () => {
    await startServer(niwad, 'net-local', { ports: ['127.0.0.1:8090:80'] });
    expect(call(NODE, '127.0.0.1', 8090)).toContain('net-local for');
    expect(call(NODE, '192.0.2.1', 8090)).toBe('nothing');
    expect(call(WORLD, '192.0.2.1', 8090)).toBe('nothing');
    await niwad.client.remove('net-local', { force: true });
  });

  it('cannot be reached by another one, unless they are of the same group', { tags: 'vm-long' }, async () => {
    const alone = await startServer(niwad, 'net-alone', bridged);
    const friend = await startServer(niwad, 'net-friend', { group: 'friends' });
    const refused = [
      ...[alone, v6(alone), friend, v6(friend)].map((address) => callFrom(niwad, bridged, address, 80)),
      ...[alone, friend].map((address) => callFrom(niwad, { group: 'foes' }, address, 80)),
      callFrom(niwad, { group: 'friends' }, alone, 80),
    ];
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['nothing']));
    expect(await callFrom(niwad, { group: 'friends' }, friend, 80)).toMatch(/^net-friend for 10\.77\.0\./);
    expect(await callFrom(niwad, { group: 'friends' }, v6(friend), 80)).toMatch(/^net-friend for fd6e:/);
    expect(call(NODE, alone, 80)).toMatch(/^net-alone for 10\.77\.0\.1$/);
    expect(call(WORLD, alone, 80)).toBe('nothing');
    for (const id of ['net-alone', 'net-friend']) await niwad.client.remove(id, { force: true });
  });

  it('gets what its plan has shown, which takes nothing', async () => {
    const spec = {
      id: 'net-planned',
      network: { group: 'planned', ports: ['8095:80'] },
      process: { args: ['sleep', '9'] },
    };
    const planned = await niwad.client.plan(spec);
    expect(await niwad.client.plan(spec)).toEqual(planned);
    await niwad.start(spec);
    const address = planned.steps
      .map(({ text }) => /^give eth0 .* the address (10[0-9.]+)\/32$/.exec(text)?.[1])
      .find(Boolean);
    expect(addressOf(niwad, 'net-planned')).toBe(address);
    const port = { ...spec, id: 'net-other' };
    await expect(niwad.client.plan(port)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await niwad.client.remove('net-planned', { force: true });
  });

  it('gives the number of its group back, also where its start fails', async () => {
    const numberOf = async (id: string) => {
      await startServer(niwad, id, { group: 'numbered' });
      const [, number] = /: (0x[0-9a-f]+)/.exec(inside(NODE, 'nft', 'list', 'map', 'inet', BRIDGE, 'group4')) ?? [];
      await niwad.client.remove(id, { force: true });
      return number;
    };
    const number = await numberOf('net-first');
    expect(number).toMatch(/^0x0*[0-9]+$/);
    for (const group of ['failed-1', 'failed-2'])
      await expect(niwad.start({ network: { group }, process: { args: ['no-such-program'] } })).rejects.toMatchObject({
        code: 'START_FAILED',
      });
    expect(await numberOf('net-last')).toBe(number);
  });

  it('does not reach services of its host', async () => {
    expect(call(NODE, '10.77.0.1', 9)).toBe('node for 10.77.0.1');
    const hosts = ['10.77.0.1', '192.0.2.1', '2001:db8::1', 'fd6e:6977:6100::1'];
    const answers = await Promise.all(hosts.map((host) => callFrom(niwad, bridged, host, 9)));
    expect(new Set(answers)).toEqual(new Set(['nothing']));
  });

  it('sends from no address but its own, whatever its capabilities', { tags: 'vm-long' }, async () => {
    const program = (own: string, from: string) => `import subprocess\n${own}\n${caller('192.0.2.2', 7, 'tcp', from)}`;
    const take = "subprocess.run(['ip', 'addr', 'add', '10.77.0.200/32', 'dev', 'eth0'], check=True)";
    const mac = "subprocess.run(['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:01'], check=True)";
    const privileged = {
      userns: 'host' as const,
      network: bridged,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'] },
    } satisfies Partial<SpecInput>;
    const run = async (text: string) => (await niwad.run({ ...privileged, process: python(text) })).stdout;
    expect(await run(program('', ''))).toBe('world for 192.0.2.1');
    expect(await run(program(take, ''))).toBe('world for 192.0.2.1');
    expect(await run(program(take, '10.77.0.200'))).toBe('nothing');
    expect(await run(program(mac, ''))).toBe('nothing');
  });

  it('has files of its own about names, whatever its root has', async () => {
    const network = {
      dns: { servers: ['192.0.2.53'], search: ['example.org'], options: ['ndots:2'] },
      hosts: { 'db.example.org': '10.77.0.99' },
    };
    const out = await niwad.sh('cat /etc/hostname /etc/resolv.conf; grep -E "db.example.org|net-names" /etc/hosts', {
      id: 'net-names',
      network,
    });
    expect(out.split('\n').map((line) => line.replace(/\s+/g, ' '))).toEqual([
      'net-names',
      'nameserver 192.0.2.53',
      'search example.org',
      'options ndots:2',
      expect.stringMatching(/^10\.77\.0\.[0-9]+ net-names$/),
      expect.stringMatching(/^fd6e:6977:6100::[0-9a-f]+ net-names$/),
      '10.77.0.99 db.example.org',
    ]);
  });

  it.each([
    ['', [], [expect.stringMatching(/^network\.dns\.servers: /)]],
    ['nameserver 192.0.2.53\nsearch example.org', ['nameserver 192.0.2.53', 'search example.org'], []],
  ])(
    'asks whom a local resolver asks, %j, and its create warns where that is nobody',
    async (behind, asked, warnings) => {
      const place = nodePlace({ bridge: 'nwnames', subnet: '10.85.0.0/24', subnet6: null });
      const script = `
printf 'nameserver 127.0.0.53\nnameserver ::1\n' > ${place.directory}/stub
printf '${behind}' > ${place.directory}/behind
mount --bind ${place.directory}/stub /etc/resolv.conf
mount -t tmpfs none /run
mkdir -p /run/systemd/resolve
cp ${place.directory}/behind /run/systemd/resolve/resolv.conf
exec "$@"`;
      const other = await startOnNode(place, {}, ['unshare', '--mount', 'sh', '-ec', script, 'sh']);
      const { stdout, status } = await other.run({ network: bridged, process: { args: ['cat', '/etc/resolv.conf'] } });
      expect([stdout.split('\n').filter((line) => line !== ''), status.warnings]).toEqual([asked, warnings]);
      await other.stop();
    },
  );

  it('takes an address that is asked for, and no other one does', async () => {
    const network = { address: '10.77.0.50' };
    await startServer(niwad, 'net-fifty', network);
    expect(addressOf(niwad, 'net-fifty')).toBe('10.77.0.50');
    const { network: shown } = await niwad.client.inspect('net-fifty');
    expect(shown).toMatchObject({
      address: '10.77.0.50',
      address6: v6('10.77.0.50'),
      mac: expect.stringMatching(/^([0-9a-f]{2}:){5}32$/),
    });
    const sleep = { process: { args: ['sleep', '9'] } };
    await expect(niwad.start({ network, ...sleep })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await expect(niwad.start({ network: { address: '10.78.0.2' }, ...sleep })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('an address from 10.77.0.2 to 10.77.0.254'),
    });
    expect((await niwad.client.stop('net-fifty', { timeout: 0 })).network).toBeNull();
    await niwad.client.remove('net-fifty', { force: true });
  });

  it('gets no port that a container or the host has', async () => {
    const start = (ports: string[]) => niwad.start({ network: { ports }, process: { args: ['sleep', '99'] } });
    const { id } = await start(['127.0.0.1:8070:80']);
    const taken = {
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`container ${id} has published port 8070`),
    };
    await expect(start(['8070:80'])).rejects.toMatchObject(taken);
    const free = await start(['192.0.2.1:8070:80', '8070:80/udp']);
    for (const protocol of ['tcp', 'udp'])
      await expect(start([`9:80/${protocol}`])).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE',
        message: `something on this host listens on 9/${protocol}: publish another port`,
      });
    await expect(start(['192.0.2.77:8071:80'])).rejects.toMatchObject({ code: 'SPEC_INVALID' });
    for (const one of [id, free.id]) await niwad.client.remove(one, { force: true });
    const again = await start(['8070:80']);
    await niwad.client.remove(again.id, { force: true });
  });
});

describe.each([
  ['with', '1'],
  ['without', '0'],
])('%s br_netfilter', (_, on) => {
  const PORTS = { tcp: 8080, udp: 8081 };
  const network = { ports: ['8080:80', '8081:80/udp'] };
  const within = (id: string, host: string, protocol: 'tcp' | 'udp', port: number = PORTS[protocol]) =>
    niwad.cli('exec', id, '--', 'python3', '-c', caller(host, port, protocol)).then(({ stdout }) => stdout);

  beforeAll(async () => {
    if (!existsSync('/proc/sys/net/bridge')) spawnSync('modprobe', ['br_netfilter']);
    for (const name of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables'])
      inside(NODE, 'sh', '-c', `[ ! -e /proc/sys/net/bridge/${name} ] || echo ${on} > /proc/sys/net/bridge/${name}`);
    await startServer(niwad, 'net-self', network);
    await startServer(niwad, 'net-near', bridged);
  });

  afterAll(async () => {
    for (const id of ['net-self', 'net-near']) await niwad.client.remove(id, { force: true });
  });

  it('a container reaches its own published port, and its neighbour does, by the addresses of the host', async () => {
    for (const host of ['192.0.2.1', '2001:db8::1', '10.77.0.1', 'fd6e:6977:6100::1'])
      for (const protocol of ['tcp', 'udp'] as const) {
        // Two at a time: sixteen programs that begin at once take the emulated machine longer than an exec may take.
        const asked = ['net-self', 'net-near'].map((id) => within(id, host, protocol));
        for (const answer of await Promise.all(asked))
          expect(answer, `${host} ${protocol}`).toMatch(/^net-self for (10\.77\.0\.|fd6e:6977:6100::)/);
      }
  });

  it('what is not published is not reached, by nobody', async () => {
    const address = addressOf(niwad, 'net-self');
    const asked = [
      ...(['tcp', 'udp'] as const).flatMap((protocol) =>
        [address, v6(address)].map((host) => within('net-near', host, protocol, 80)),
      ),
      ...['net-self', 'net-near'].flatMap((id) => [80, 9].map((port) => within(id, '192.0.2.1', 'tcp', port))),
    ];
    expect(await Promise.all(asked)).toEqual(asked.map(() => 'nothing'));
  });
});

describe('another container', () => {
  it('shares its network, where it is asked for', async () => {
    await startServer(niwad, 'net-main', { ports: ['8060:80'] });
    const beside = { namespaces: { network: 'container:net-main' } };
    const { stdout } = await niwad.run({ ...beside, process: python(caller('127.0.0.1', 80)) });
    expect(stdout).toBe('net-main for 127.0.0.1');
    await niwad.start({ ...beside, id: 'net-side', process: python(echoServer('net-side', 81)) });
    await niwad.says('net-side', 'ready');
    expect(call(NODE, addressOf(niwad, 'net-main'), 81)).toBe('net-side for 10.77.0.1');
    for (const id of ['net-side', 'net-main']) await niwad.client.stop(id, { timeout: 0 });
    await expect(niwad.run({ ...beside, process: { args: ['true'] } })).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
    });
    await niwad.client.remove('net-main', { force: true });
    await expect(niwad.run({ ...beside, process: { args: ['true'] } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('the counters', () => {
  it('are exact to the last packet of a container that has ended', { tags: 'vm-long' }, async () => {
    const program = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(1000): s.sendto(b'x' * 1000, ('192.0.2.2', 9999))
`;
    // By IPv6 the kernel itself sends a packet now and then, to join the group of an address.
    const quiet = await startOnNode(nodePlace({ bridge: 'nwquiet', subnet: '10.82.0.0/24', subnet6: null }));
    const { status } = await quiet.run({
      id: 'net-count',
      owner: 'net-owner',
      network: bridged,
      process: python(program),
    });
    const datagram = 14 + 20 + 8 + 1000;
    expect(status.usage.network).toMatchObject({ tx_packets: 1000, tx_bytes: 1000 * datagram });
    const [record] = quiet.ledger('net-count').filter(({ type }) => type === 'final');
    expect(record?.usage?.network).toEqual(status.usage.network);
    const { rows } = await quiet.client.usage({ by: 'owner', owner: 'net-owner' });
    expect(rows).toMatchObject([{ network_tx_bytes: 1000 * datagram }]);
    await quiet.stop();
  });

  it('are in the status and the metrics while it runs, and nowhere without a bridge', async () => {
    await startServer(niwad, 'net-live', bridged);
    const address = addressOf(niwad, 'net-live');
    call(NODE, address, 80);
    onTestFinished(() => niwad.client.remove('net-live', { force: true }));
    // The kernels of both ends may send a packet at any time: the neighbours of IPv6, the end of the connection.
    await vi.waitFor(async () => {
      const { usage } = await niwad.client.inspect('net-live');
      expect(usage.network?.rx_packets).toBeGreaterThan(2);
      expect(usage.network?.tx_packets).toBeGreaterThan(2);
      expect(await niwad.client.metrics()).toContain(
        `niwa_container_network_receive_bytes_total{id="net-live",owner=""} ${usage.network?.rx_bytes}\n`,
      );
    }, PATIENCE);
    const { status } = await niwad.run({ process: { args: ['true'] } });
    expect(status.usage.network).toBeNull();
  });
});

describe('the bandwidth', () => {
  const BYTES = 2_000_000;
  const RATE = 1_000_000;

  it.each(['in', 'out'] as const)('of what goes %s is bounded', { tags: 'vm-long' }, async (direction) => {
    const send = `
def send(s):
    s.sendall(b'x' * ${BYTES})
    s.shutdown(1)
    s.recv(1) # what a container has not sent at its end is lost`;
    const take = `
import time
def take(s):
    begun, got = None, 0
    while True:
        n = len(s.recv(65536))
        if n == 0: break
        begun = begun or time.monotonic()
        got += n
    print(got / (time.monotonic() - begun), end='', flush=True)`;
    const [server, client] = direction === 'in' ? [take, send] : [send, take];
    const listening = `${server}
import socket
s = socket.create_server(('', 80))
print('ready', flush=True)
${direction === 'in' ? 'take' : 'send'}(s.accept()[0])`;
    const calling = (address: string) =>
      `${client}\nimport socket\n${direction === 'in' ? 'send' : 'take'}(socket.create_connection(('${address}', 80)))`;
    const id = `net-rate-${direction}`;
    await niwad.start({ id, network: { rate: { [direction]: RATE } }, process: python(listening) });
    await niwad.says(id, 'ready');
    const output = direction === 'in' ? niwad.output(id) : null;
    const said = inside(NODE, 'python3', '-c', calling(addressOf(niwad, id)));
    const rate = Number(output === null ? said : (await output).stdout.replace('ready\n', ''));
    // The bucket is full at the beginning, and headers count too.
    expect(rate).toBeGreaterThan(0.8 * RATE);
    expect(rate).toBeLessThan(1.2 * RATE);
    await niwad.client.remove(id, { force: true });
  });
});

describe('nothing is left', () => {
  const count = (text: string) => rules().split(text).length - 1;

  it('of a container that has ended, and 50 at once come and go', { timeout: 120_000 }, async () => {
    await niwad.run({ network: bridged, process: { args: ['true'] } });
    const before = devices();
    const sleep = { process: { args: ['sleep', '999'] } };
    const started = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        niwad.start({ id: `net-many-${i}`, network: { ports: [`${20_000 + i}:80`], group: 'many' }, ...sleep }),
      ),
    );
    expect(devices()).toHaveLength(before.length + 50);
    const addresses = started.map(({ id }) => addressOf(niwad, id));
    expect(new Set(addresses).size).toBe(50);
    const macs = readdirMacs();
    expect(new Set(macs).size).toBe(macs.length);
    await Promise.all(started.map(({ id }) => niwad.client.remove(id, { force: true })));
    expect(devices()).toEqual(before);
    await expect.poll(() => count('elements'), { timeout: 10_000 }).toBe(0); // what was counted goes within seconds
    expect(inside(NODE, 'ip', 'neigh', 'show', 'dev', BRIDGE)).toBe('');
  });

  it('of a start that fails', async () => {
    const before = devices();
    const network = { ports: ['8050:80'] };
    await expect(niwad.start({ network, process: { args: ['/no/such/program'] } })).rejects.toMatchObject({
      code: 'START_FAILED',
    });
    await expect(
      niwad.start({ network, process: { args: ['true'] }, mounts: [{ type: 'bind', source: '/no', target: '/no' }] }),
    ).rejects.toMatchObject({ code: 'START_FAILED' });
    expect(devices()).toEqual(before);
    await expect.poll(() => count('elements'), { timeout: 10_000 }).toBe(0); // what was counted goes within seconds
    const { exit } = await niwad.run({ network, process: { args: ['true'] } });
    expect(exit.code).toBe(0);
  });

  it('of a daemon that ends with no container', async () => {
    const place = nodePlace({ bridge: 'nwends', subnet: '10.78.0.0/24', subnet6: null });
    const other = await startOnNode(place);
    expect(devices()).not.toContain('nwends');
    await other.run({ network: bridged, process: { args: ['true'] } });
    expect(devices()).toContain('nwends');
    expect(rules()).toContain('table inet nwends');
    await other.stop();
    expect(devices()).not.toContain('nwends');
    expect(rules()).not.toContain('nwends');
  });

  it('of an interface that is not its own, taken for the bridge', async () => {
    const other = await startOnNode(nodePlace({ bridge: 'up0', subnet: '10.79.0.0/24' }));
    await expect(other.start({ network: bridged, process: { args: ['true'] } })).rejects.toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringContaining('has an interface up0 that is not niwad'),
    });
    await other.stop();
    expect(devices()).toContain('up0');
  });

  it.each([
    ['subnet', { subnet: '192.0.2.0/24', subnet6: null }, '192.0.2.1 of 192.0.2.0/24'],
    ['subnet6', { subnet: '10.83.0.0/24' }, 'fd6e:6977:6100::1 of fd6e:6977:6100::/64'],
  ])('of a %s of which the host has an address, as a second niwad would', async (name, settings, words) => {
    await niwad.run({ network: bridged, process: { args: ['true'] } });
    const other = await startOnNode(nodePlace({ bridge: 'nwother', ...settings }));
    await expect(other.start({ network: bridged, process: { args: ['true'] } })).rejects.toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringMatching(`has the address ${words} already.*name another network.${name} in`),
    });
    await other.stop();
    expect(devices()).not.toContain('nwother');
  });
});

it('is there where the kernel cannot count connections, and the log says so', async () => {
  const place = nodePlace({ bridge: 'nwcount', subnet: '10.84.0.0/24', subnet6: null });
  const bin = join(place.directory, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh
rules=$(cat)
case $rules in *'ct count'*) echo 'Could not process rule: No such file or directory' >&2; exit 1 ;; esac
echo "$rules" | PATH=\${PATH#*:} exec nft "$@"
`;
  writeFileSync(join(bin, 'nft'), script, { mode: 0o755 });
  const other = await startOnNode(place, {}, ['env', `PATH=${bin}:${process.env.PATH}`]);
  expect(await callFrom(other, bridged, '192.0.2.2', 7)).toBe('world for 192.0.2.1');
  expect(other.log).toContain('this kernel cannot count the connections of a container');
  await other.stop();
});

describe('a crash of niwad', () => {
  it('leaves the network of containers up; the next one goes on with it, and removes what has ended', {
    tags: 'vm-long',
  }, async () => {
    const place = nodePlace({ bridge: 'nwcrash', subnet: '10.80.0.0/24', subnet6: 'fd00:80::/64' });
    const first = await startOnNode(place);
    const address = await startServer(first, 'net-stays', { ports: ['8040:80'], group: 'survivors' });
    await first.start({ id: 'net-ends', network: bridged, process: { args: ['sleep', '999'] } });
    const before = (await first.client.inspect('net-stays')).usage.network?.rx_packets ?? 0;
    const { pid } = await first.client.inspect('net-ends');
    await first.stop('SIGKILL');
    expect(call(WORLD, '192.0.2.1', 8040)).toBe('net-stays for 192.0.2.2');
    process.kill(pid ?? 0, 'SIGKILL');

    const second = await startOnNode(place);
    await expect.poll(() => devices().filter((name) => name.startsWith('nwcrashv'))).toHaveLength(1);
    expect(call(WORLD, '192.0.2.1', 8040)).toBe('net-stays for 192.0.2.2');
    expect((await second.client.inspect('net-stays')).usage.network?.rx_packets).toBeGreaterThan(before);
    const members = { group: 'survivors' };
    expect(await callFrom(second, members, address, 80)).toMatch(/^net-stays for 10\.80/);
    expect(await callFrom(second, bridged, address, 80)).toBe('nothing');
    await expect(second.start({ network: { ports: ['8040:80'] }, process: { args: ['true'] } })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
    await second.client.remove('net-stays', { force: true });
    await second.stop();
    expect(devices().filter((name) => name.startsWith('nwcrash'))).toEqual([]);
    expect(rules()).not.toContain('nwcrash');
  });

  it.each(['made', 'connected', 'group-removed', 'end-finished', 'exit-saved', 'disconnected'])(
    'at "%s" leaves nothing',
    async (point) => {
      const place = nodePlace({ bridge: 'nwpoint', subnet: '10.81.0.0/24', subnet6: 'fd00:81::/64' });
      const first = await startOnNode(place, { NIWA_CRASH_AT: point });
      await first.start({ network: { ports: ['8030:80'] }, process: { args: ['true'] } }).catch(() => {});
      await first.ended();
      const second = await startOnNode(place);
      await expect.poll(async () => (await second.client.list()).every(({ state }) => state === 'exited')).toBe(true);
      await second.run({ network: { ports: ['8030:80'] }, process: { args: ['true'] } });
      expect(devices().filter((name) => name.startsWith('nwpointv'))).toEqual([]);
      await second.stop();
      expect(devices().filter((name) => name.startsWith('nwpoint'))).toEqual([]);
      expect(rules()).not.toContain('nwpoint');
    },
  );
});

it('costs a start little', async () => {
  const rounds = 20;
  const time = async (network: object | undefined) => {
    const begun = performance.now();
    for (let i = 0; i < rounds; i++)
      await niwad.client.remove((await niwad.client.create({ process: { args: ['true'] }, ...network })).id, {
        force: true,
      });
    return (performance.now() - begun) / rounds;
  };
  await time(undefined);
  const [without, withBridge] = [await time(undefined), await time({ network: bridged })];
  console.log(`a container's life: ${without.toFixed(1)} ms without a network, ${withBridge.toFixed(1)} ms bridged`);
  expect(withBridge - without).toBeLessThan(100 * SLOWNESS);
});

/** The MAC addresses of the host ends in the node. */
function readdirMacs(): string[] {
  const links = JSON.parse(inside(NODE, 'ip', '-j', 'link')) as { address: string }[];
  return links.map(({ address }) => address);
}
