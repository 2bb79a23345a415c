// Technique: one container, or who calls it, fills the kernel's table of connections for the whole host
// (nf_conntrack_max).
import { beforeAll, expect, test } from 'vitest';
import {
  addressOf,
  callFrom,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  startServer,
  WORLD,
} from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';

const BOUND = 100;
const TRIES = 2000;

makeNetwork();
let bounded: Niwad;
let unbounded: Niwad;
beforeAll(async () => {
  await serve(WORLD, echoServer('world', 7));
  bounded = await startOnNode(nodePlace({ connectionsPerContainer: BOUND }));
  const other = { bridge: 'nwfree', subnet: '10.78.0.0/24', subnet6: 'fd00:78::/64', connectionsPerContainer: 0 };
  unbounded = await startOnNode(nodePlace(other));
  // The kernel follows connections, and has settings for that, once there are rules: niwad makes them for its first
  // container.
  await bounded.run({ network: {}, process: { args: ['true'] } });
});

/** Sends a datagram to each of so many ports, or from each of so many. */
const flood = (family: string, host: string, isFromMany: boolean) => `
import socket
for i in range(${TRIES}):
    if i == 0 or ${isFromMany ? 'True' : 'False'}: s = socket.socket(socket.${family}, socket.SOCK_DGRAM)
    try: s.sendto(b'x', ('${host}', ${isFromMany ? '8080' : '10000 + i'}))
    except OSError: pass # the other side answers that nobody listens
print('flooded', flush=True)
`;

/** How many UDP connections the node follows. */
function followed(): number {
  return inside(NODE, 'cat', '/proc/net/nf_conntrack').split(' udp ').length - 1;
}

/** Fills the table from a container to the world, or from the world to a container, and says by how much it grew. */
async function fill(niwad: Niwad, direction: 'out' | 'out6' | 'in'): Promise<number> {
  inside(NODE, 'sh', '-c', 'echo 1 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout');
  await expect.poll(followed, { timeout: 20_000 }).toBeLessThan(5);
  inside(NODE, 'sh', '-c', 'echo 120 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout');
  const id = `fills-${direction}`;
  if (direction === 'in') {
    await startServer(niwad, id, { ports: ['8080:80/udp'] }, 80);
    inside(WORLD, 'python3', '-c', flood('AF_INET', '192.0.2.1', true));
  } else {
    const program =
      direction === 'out' ? flood('AF_INET', '192.0.2.2', false) : flood('AF_INET6', '2001:db8::2', false);
    const args = ['python3', '-c', `${program}\nimport time\ntime.sleep(1000)`];
    await niwad.start({ id, network: {}, process: { args } });
    await niwad.says(id, 'flooded');
  }
  expect(addressOf(niwad, id)).not.toBe('');
  const grown = followed();
  expect(await callFrom(niwad, {}, '192.0.2.2', 7)).toContain('world for');
  await niwad.client.remove(id, { force: true });
  return grown;
}

test.each(['out', 'out6', 'in'] as const)(
  'connections of one container (%s) end at its bound',
  { tags: 'vm-long' },
  async (direction) => {
    const grown = await fill(bounded, direction);
    expect(grown).toBeGreaterThan(BOUND / 2);
    expect(grown).toBeLessThanOrEqual(BOUND);
  },
);

test.each(['out', 'in'] as const)(
  'connections of one container (%s), control: without a bound all are there',
  async (direction) => {
    expect(await fill(unbounded, direction)).toBeGreaterThan(0.8 * TRIES);
  },
);
