// Technique: a container asks the kernel for the queue in which the first packets for sleeping services are held.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { askOnce, NODE_ADDRESS } from '../integration/support/load.js';
import { makeNetwork, NODE, nodePlace, startOnNode, WORLD } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { unprotected } from './attack.js';

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});

/**
 * Takes all queues of its network namespace that niwad may use, waits for packets, and says for each the port that it
 * was for.
 */
const THIEF = `
import socket, struct
PACKET, CONFIG = 3 << 8, 3 << 8 | 2
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
def attribute(kind, value): return struct.pack('HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)
def ask(queue, *attributes):
    body = struct.pack('!BBH', 0, 0, queue) + b''.join(attributes)
    s.send(struct.pack('IHHII', 16 + len(body), CONFIG, 5, 1, 0) + body)
    return -struct.unpack('i', s.recv(8192)[16:20])[0]
taken = 0
for queue in range(28265, 28265 + 16): # kFirstNumber of service_queue.cc
    error = ask(queue, attribute(1, struct.pack('!BBH', 1, 0, 0)), attribute(2, struct.pack('!IB', 200, 2)))
    if error == 0: taken += 1
print('taken', taken, flush=True)
while True:
    message = s.recv(65536)
    if struct.unpack('H', message[4:6])[0] != PACKET: continue
    at = message.find(bytes([192, 0, 2, 1]))
    print('stolen', struct.unpack('!H', message[at + 6:at + 8])[0], flush=True)
`;

const PORT = 8080;
const URL = `http://${NODE_ADDRESS}:${PORT}/`;

/** Its program takes its time, so that the request is held for long. */
const SLOW = `
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler
time.sleep(2)
HTTPServer(('', 80), SimpleHTTPRequestHandler).serve_forever()
`;

async function declareSlow(): Promise<void> {
  const template = { process: { args: ['python3', '-c', SLOW] } };
  await niwad.client.applyService({ service: 'slow', listen: [`0.0.0.0:${PORT}`], port: 80, template });
}

test('a container with more rights than any customer gets finds none of the held packets in queues of its own', async () => {
  await declareSlow();
  const { id } = await niwad.start({
    ...unprotected('NET_ADMIN', 'NET_RAW'),
    network: { mode: 'bridge' },
    process: { args: ['python3', '-c', THIEF] },
  });
  await niwad.says(id, 'taken 16');
  expect((await askOnce(URL)).status).toBe(200);
  const output = niwad.output(id);
  await niwad.client.stop(id, { timeout: 0 });
  expect((await output).stdout).toBe('taken 16\n');
  await niwad.client.removeService('slow');
});

test('a container without capabilities has no queue at all', async () => {
  const process = { args: ['python3', '-c', THIEF] };
  const { id } = await niwad.start({ network: { mode: 'bridge' }, capabilities: { drop: ['ALL'] }, process });
  await niwad.says(id, 'taken 0');
  await niwad.client.remove(id, { force: true });
});

test('held packets, control: in the network namespace of the node, with niwad dead, they can be taken', async () => {
  await declareSlow();
  await niwad.stop('SIGKILL');
  const thief = spawn('nsenter', [`--net=/run/netns/${NODE}`, 'python3', '-c', THIEF], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void thief.kill('SIGKILL'));
  const lines = createInterface({ input: thief.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('taken 16');
  const guest = spawn('nsenter', [`--net=/run/netns/${WORLD}`, 'curl', '-sS', URL], { stdio: 'ignore' });
  onTestFinished(() => void guest.kill('SIGKILL'));
  expect((await lines.next()).value).toBe(`stolen ${PORT}`);
});
