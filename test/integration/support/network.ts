import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll } from 'vitest';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { scaled } from './host.js';
import { makePlace, Niwad, type Place, removePlace } from './niwad.js';

/**
 * A node and the world around it, as two network namespaces of the tests' own: nothing of the host's network is
 * touched. The node is 192.0.2.1 and 2001:db8::1, the world 192.0.2.2 and 2001:db8::2.
 */
export const NODE = `niwa-node-${process.pid}`;
export const WORLD = `niwa-world-${process.pid}`;
export const BRIDGE = 'nwtest0';
export const SUBNET = '10.77.0.0/24';

type Network = NonNullable<SpecInput['network']>;

const children: ChildProcess[] = [];
const daemons: Niwad[] = [];
const places: Place[] = [];

/** Makes both, for the whole file. */
export function makeNetwork(): void {
  beforeAll(() => {
    ip('netns', 'add', NODE);
    ip('netns', 'add', WORLD);
    ip('-n', NODE, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', WORLD);
    for (const [name, last] of [
      [NODE, '1'],
      [WORLD, '2'],
    ] as const) {
      ip('-n', name, 'addr', 'add', `192.0.2.${last}/24`, 'dev', 'up0');
      ip('-n', name, 'addr', 'add', `2001:db8::${last}/64`, 'dev', 'up0', 'nodad');
      for (const device of ['lo', 'up0']) ip('-n', name, 'link', 'set', device, 'up');
    }
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(daemons.map((niwad) => niwad.stop('SIGKILL')));
    await Promise.all(places.map(removePlace));
    for (const name of [NODE, WORLD]) ip('netns', 'del', name);
  });
}

/** Makes the place of a daemon of the node; its settings of the network may be others. */
export function nodePlace(network: object = {}, settings: object = {}): Place {
  const bridged = { bridge: BRIDGE, subnet: SUBNET, ...network };
  const place = makePlace({ sampleIntervalMs: 100, network: bridged, ...settings });
  places.push(place);
  return place;
}

/**
 * Starts a daemon in the node.
 * @param launcher a command that ends in an exec of what follows
 */
export async function startOnNode(
  place: Place,
  env: Record<string, string> = {},
  launcher: string[] = [],
): Promise<Niwad> {
  const niwad = await Niwad.start(place, env, undefined, ['nsenter', `--net=/run/netns/${NODE}`, ...launcher]);
  daemons.push(niwad);
  return niwad;
}

/** Runs a program in a namespace to its end and gives its output. */
export function inside(name: string, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${name}`, ...command], { encoding: 'utf8', timeout: 60_000 });
}

/** The interfaces of the node. */
export function devices(): string[] {
  return (JSON.parse(inside(NODE, 'ip', '-j', 'link')) as { ifname: string }[]).map(({ ifname }) => ifname);
}

/** Starts a program in a namespace, until the tests have ended, and waits until it has said something. */
export async function serve(name: string, program: string): Promise<void> {
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'python3', '-c', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
}

/**
 * A server in Python that tells every caller its address, by TCP and UDP on a port of both families, and what it was
 * told before the end of their words: `NAME for ADDRESS`.
 */
export function echoServer(name: string, port: number): string {
  return `
import socket, threading
def opened(kind):
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('::', ${port}))
    return s
def words(address): return ('${name} for ' + address[0].replace('::ffff:', '')).encode()
def datagrams(s):
    while True:
        _, address = s.recvfrom(100)
        s.sendto(words(address), address)
udp, tcp = opened(socket.SOCK_DGRAM), opened(socket.SOCK_STREAM)
tcp.listen(100)
threading.Thread(target=datagrams, args=(udp,), daemon=True).start()
print('ready', flush=True)
while True:
    c, address = tcp.accept()
    c.sendall(words(address))
    c.close()
`;
}

/** How long a caller waits for an answer that may be dropped, in seconds. */
const ANSWER_SECONDS = scaled(1000) / 1000;
/** How long one waits whose service may have to be woken. */
const WAKE_SECONDS = 30;

/** A program in Python that says what a server answers, or `nothing` where there is none within so many seconds. */
export function caller(
  host: string,
  port: number,
  protocol: 'tcp' | 'udp' = 'tcp',
  from = '',
  seconds = ANSWER_SECONDS,
): string {
  const kind = protocol === 'tcp' ? 'SOCK_STREAM' : 'SOCK_DGRAM';
  return `
import socket
s = socket.socket(socket.AF_INET6 if ':' in '${host}' else socket.AF_INET, socket.${kind})
s.settimeout(${seconds})
try:
    if '${from}': s.bind(('${from}', 0))
    s.connect(('${host}', ${port}))
    if '${protocol}' == 'udp': s.send(b'hello')
    print(s.recv(100).decode(), end='')
except OSError as error: print('nothing', end='')
`;
}

/** What a server answers to somebody in a namespace. */
export function call(name: string, host: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): string {
  return inside(name, 'python3', '-c', caller(host, port, protocol));
}

/** What a service answers to a datagram that may have to wake it. */
export function wakeByDatagram(name: string, host: string, port: number): string {
  return inside(name, 'python3', '-c', caller(host, port, 'udp', '', WAKE_SECONDS));
}

/** What a server answers to somebody in a new container. */
export async function callFrom(niwad: Niwad, network: Network, host: string, port: number): Promise<string> {
  const { stdout } = await niwad.run({ network, process: { args: ['python3', '-c', caller(host, port)] } });
  return stdout;
}

/** What a service that may have to be woken answers to somebody in a new container. */
export async function wakeFrom(niwad: Niwad, network: Network, host: string, port: number): Promise<string> {
  const program = caller(host, port, 'tcp', '', WAKE_SECONDS);
  const { stdout } = await niwad.run({ network, process: { args: ['python3', '-c', program] } });
  return stdout;
}

/** Starts a container with a server in it, and waits until that listens. */
export async function startServer(niwad: Niwad, id: string, network: Network, port = 80): Promise<string> {
  const { spec } = await niwad.start({ id, network, process: { args: ['python3', '-c', echoServer(id, port)] } });
  await niwad.says(id, 'ready');
  return spec.network === null ? '' : addressOf(niwad, id);
}

/** The IPv4 address of a container, as its own hosts file says. */
export function addressOf(niwad: Niwad, id: string): string {
  const line = inside(NODE, 'cat', `${niwad.place.runDir}/containers/${id}/hosts`)
    .split('\n')
    .find((text) => text.startsWith('10.') && text.trimEnd().endsWith(`\t${id}`));
  return line?.split('\t')[0] ?? '';
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}
