// Technique: a peer goes on sending to a customer's container that has ended, whose address another customer's has by
// now.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { inside, makeNetwork, NODE, nodePlace, startOnNode, WORLD } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { unprotected } from './attack.js';

const ADDRESS = '10.77.0.50';
const ADDRESS6 = 'fd6e:6977:6100::32';

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  // The kernel tells a peer once a second at most that a port cannot be reached.
  inside(NODE, 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
  niwad = await startOnNode(nodePlace());
});

/** Answers on port 80, and speaks to the peer first. */
const FIRST = `
import socket, threading
def opened(kind):
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(('::', 80))
    return s
def datagrams():
    while True:
        _, peer = udp.recvfrom(100)
        udp.sendto(b'hi', peer)
udp, tcp = opened(socket.SOCK_DGRAM), opened(socket.SOCK_STREAM)
tcp.listen()
threading.Thread(target=datagrams, daemon=True).start()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('192.0.2.2', 7777))
held = []
while True:
    held.append(tcp.accept()[0])
    held[-1].send(b'hi')
`;

/** Says every secret that reaches its interface. */
const SECOND = `
import re, socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print('ready', flush=True)
while True:
    for secret in re.findall(rb'secret-[a-z0-9]+', s.recv(2000)): print(secret.decode(), flush=True)
`;

/**
 * Is asked, connects to published ports by both families, waits for a word, sends its secrets, and says how that went.
 */
const PEER = `
import errno, json, socket, sys, time
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.bind(('192.0.2.2', 7777))
print('bound', flush=True)
_, container = asked.recvfrom(100)
asked.connect(container)
peers = {'asked': asked}
for name, kind, host in [('tcp4', socket.SOCK_STREAM, '192.0.2.1'), ('udp4', socket.SOCK_DGRAM, '192.0.2.1'),
                         ('tcp6', socket.SOCK_STREAM, '2001:db8::1'), ('udp6', socket.SOCK_DGRAM, '2001:db8::1')]:
    if name[3] not in sys.argv[1]: continue
    s = peers[name] = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, kind)
    s.connect((host, 8080))
    s.settimeout(0.5)
    for _ in range(20):
        try:
            s.send(b'hello')
            if s.recv(100): break
        except TimeoutError: pass # the first packets to a neighbour may be lost
print('connected', flush=True)
sys.stdin.readline()
ends = {name: 'sent' for name in peers}
for _ in range(3):
    for name, s in peers.items():
        try: s.send(b'secret-' + name.encode())
        except OSError as error: ends[name] = 'refused'
    time.sleep(0.1)
print(json.dumps(ends), flush=True)
`;

interface Peer {
  peer: ChildProcess;
  /** The next line that it says. */
  next(): Promise<string>;
}

/** Starts a peer. */
async function startPeer(families: string): Promise<Peer> {
  const peer = spawn('nsenter', [`--net=/run/netns/${WORLD}`, 'python3', '-c', PEER, families], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void peer.kill('SIGKILL'));
  const lines = createInterface(peer.stdout)[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  expect(await next()).toBe('bound');
  return { peer, next };
}

async function sendSecrets({ peer, next }: Peer): Promise<unknown> {
  peer.stdin?.write('go\n');
  return JSON.parse(await next());
}

const ALL_REFUSED = { asked: 'refused', tcp4: 'refused', udp4: 'refused', tcp6: 'refused', udp6: 'refused' };

const first = { network: { address: ADDRESS, ports: ['8080:80', '8080:80/udp'] }, process: { args: python(FIRST) } };
const second = { ...unprotected('NET_RAW'), network: { address: ADDRESS }, process: { args: python(SECOND) } };

function python(program: string): string[] {
  return ['python3', '-c', program];
}

/** How many connections the node follows with an address. */
function flowsOf(address: string): number {
  const written = address.includes(':') ? 'fd6e:6977:6100:0000:0000:0000:0000:0032' : address;
  return inside(NODE, 'cat', '/proc/net/nf_conntrack').split(`src=${written} `).length - 1;
}

/** Starts the first container and its peer; both are connected then. */
async function connect(families: string) {
  const peer = await startPeer(families);
  await niwad.start({ ...first, id: 'reused-first', owner: 'first' });
  expect(await peer.next()).toBe('connected');
  expect(flowsOf(ADDRESS)).toBeGreaterThan(0);
  return peer;
}

/** Gives the address to the second container, lets the peer go on, and expects that it is heard by nobody. */
async function expectUnheard(peer: Peer, refused: object) {
  await niwad.start({ ...second, id: 'reused-second', owner: 'second' });
  await niwad.says('reused-second', 'ready');
  const ends = await sendSecrets(peer);
  const output = niwad.output('reused-second');
  await niwad.client.stop('reused-second', { timeout: 0 });
  expect((await output).stdout).toBe('ready\n');
  expect(ends).toEqual(refused);
  expect(flowsOf(ADDRESS) + flowsOf(ADDRESS6)).toBe(0);
  await niwad.client.remove('reused-second', { force: true });
}

test('what peers go on sending after a container has ended is refused, and not heard by who has its address', async () => {
  const peer = await connect('46');
  await niwad.client.remove('reused-first', { force: true });
  await expectUnheard(peer, ALL_REFUSED);
});

test('what peers go on sending while nobody has the address is refused', async () => {
  const peer = await connect('46');
  await niwad.client.remove('reused-first', { force: true });
  expect(await sendSecrets(peer)).toEqual(ALL_REFUSED);
});

test.each([
  ['without niwad', {}],
  ['when niwad died', { NIWA_CRASH_AT: 'exit-saved' }],
])('what peers go on sending is refused where a container has ended %s, too', async (_, env) => {
  await niwad.stop();
  niwad = await startOnNode(niwad.place, env);
  const peer = await connect('4');
  const { pid } = await niwad.client.inspect('reused-first');
  if ('NIWA_CRASH_AT' in env) await niwad.client.stop('reused-first', { timeout: 0 }).catch(() => {});
  else await niwad.stop('SIGKILL');
  await niwad.ended();
  if (!('NIWA_CRASH_AT' in env)) process.kill(pid ?? 0, 'SIGKILL');
  niwad = await startOnNode(niwad.place);
  await expect.poll(async () => (await niwad.client.inspect('reused-first')).state).toBe('exited');
  await expectUnheard(peer, { asked: 'refused', tcp4: 'refused', udp4: 'refused' });
  await niwad.client.remove('reused-first');
});

test('what peers go on sending, control: where nobody makes the kernel forget, who has the address hears it', async () => {
  const peer = await startPeer('4');
  inside(NODE, 'sh', '-ec', CARELESS_RULES);
  const one = await careless(FIRST);
  expect(await peer.next()).toBe('connected');
  await one.end();
  const other = await careless(SECOND);
  expect(await other.next()).toBe('ready');
  await sendSecrets(peer);
  const heard = new Set<string>();
  while (!['secret-asked', 'secret-udp4'].every((secret) => heard.has(secret))) heard.add(await other.next());
  await other.end();
  inside(NODE, 'nft', 'delete', 'table', 'inet', 'careless');
});

const CARELESS_RULES = `
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<EOF
table inet careless {
  chain publish { type nat hook prerouting priority dstnat; ip daddr 192.0.2.1 meta l4proto { tcp, udp } th dport 8080 dnat ip to 10.66.0.2:80; }
  chain hide { type nat hook postrouting priority srcnat; ip saddr 10.66.0.2 masquerade; }
}
EOF`;

/** Runs a program in a network namespace behind a veth pair, until `end`. */
async function careless(program: string) {
  const name = `niwa-careless-${process.pid}`;
  inside(
    NODE,
    'sh',
    '-ec',
    `
ip netns add ${name}
ip link add careless0 type veth peer name eth0 netns ${name}
ip addr add 10.66.0.1/24 dev careless0
ip link set careless0 up
ip -n ${name} addr add 10.66.0.2/24 dev eth0
ip -n ${name} link set eth0 up
ip -n ${name} route add default via 10.66.0.1`,
  );
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, ...python(program)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const closed = once(child, 'close');
  const end = async () => {
    child.kill('SIGKILL');
    await closed;
    inside(NODE, 'sh', '-c', `(ip netns del ${name}; ip link del careless0; true) 2> /dev/null`);
  };
  onTestFinished(end); // also where the test fails
  return { next: async () => String((await lines.next()).value), end };
}
