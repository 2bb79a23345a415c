// Technique: a container takes the address of an instance that does not answer yet, to answer its readiness check and
// its guests.
import { execa } from 'execa';
import { beforeAll, expect, test, vi } from 'vitest';
import { askOnce, NODE_ADDRESS } from '../integration/support/load.js';
import {
  addressOf,
  BRIDGE,
  caller,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  startOnNode,
} from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { unprotected } from './attack.js';

const PORT = 8080;

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});

const server = (words: string, delaySeconds: number) => `
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'${words}')
    def log_message(self, *_): pass
time.sleep(${delaySeconds})
HTTPServer(('', 80), Page).serve_forever()
`;

/** Takes an address, tells everybody by ARP that it has it, and listens on it. */
const thief = (address: string) => `
import os, socket, struct, threading, time
os.system('ip addr add ${address}/24 dev eth0')
mac = bytes.fromhex(open('/sys/class/net/eth0/address').read().replace(':', ''))
own = socket.inet_aton('${address}')
arp = b'\\xff' * 6 + mac + struct.pack('!HHHBBH', 0x806, 1, 0x800, 6, 4, 2) + mac + own + b'\\xff' * 6 + own
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
def claim():
    while True:
        s.send(arp)
        time.sleep(0.05)
threading.Thread(target=claim, daemon=True).start()
print('claimed', flush=True)
${server('the thief', 0)}
`;

import { PATIENCE } from '../integration/support/host.js';

/** Starts a container that takes an address, with more rights than any customer gets. */
async function startThief(address: string): Promise<string> {
  const { id } = await niwad.start({
    ...unprotected('NET_ADMIN', 'NET_RAW'),
    network: { mode: 'bridge' },
    process: { args: ['python3', '-c', thief(address)] },
  });
  await niwad.says(id, 'claimed');
  return id;
}

test('a container that takes the address of a starting instance neither makes it ready nor gets its guests', async () => {
  const template = { process: { args: ['python3', '-c', server('the site', 4)] }, ready: { tcp: 80 } };
  await niwad.client.applyService({ service: 'shop', listen: [`0.0.0.0:${PORT}`], port: 80, template });
  const answer = askOnce(`http://${NODE_ADDRESS}:${PORT}/`);
  const address = await vi.waitFor(async () => {
    const [instance] = (await niwad.client.service('shop')).instances;
    if (instance?.address == null) throw new Error('there is no instance with an address');
    return instance.address;
  }, PATIENCE);
  const id = await startThief(address);

  expect(await answer).toMatchObject({ status: 200, body: 'the site' });
  // niwad hears that the route is there a moment after the requests do
  await vi.waitFor(async () => expect((await niwad.client.service('shop')).last_wake).not.toBeNull(), PATIENCE);
  const { last_wake } = await niwad.client.service('shop');
  expect(last_wake?.ready_usec).toBeGreaterThan(2_000_000);
  for (let i = 0; i < 5; i++) expect((await askOnce(`http://${NODE_ADDRESS}:${PORT}/`)).body).toBe('the site');
  await niwad.client.remove(id, { force: true });
  await niwad.client.removeService('shop');
});

test("a stolen address, control: without niwad's rules for the bridge and its neighbours, who claims it answers on it", async () => {
  const { id: owner, pid } = await niwad.start({ network: { mode: 'bridge' }, process: { args: ['sleep', '1000'] } });
  const address = addressOf(niwad, owner);
  const id = await startThief(address);
  const program = caller(address, 80).replace('print(s.recv', "s.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.recv");
  const ask = () => inside(NODE, 'python3', '-c', program);
  expect(ask()).toBe('nothing');
  await execa('nsenter', ['--net', `--target=${pid}`, 'ip', 'link', 'set', 'eth0', 'down']); // else both answer by ARP
  process.kill(niwad.pid, 'SIGSTOP'); // else it loads its rules again
  try {
    inside(NODE, 'nft', 'delete', 'table', 'bridge', BRIDGE);
    inside(NODE, 'ip', 'neigh', 'del', address, 'dev', BRIDGE);
    await expect.poll(ask, { timeout: 10_000 }).toContain('200 OK');
  } finally {
    process.kill(niwad.pid, 'SIGCONT');
  }
  for (const one of [id, owner]) await niwad.client.remove(one, { force: true });
});
