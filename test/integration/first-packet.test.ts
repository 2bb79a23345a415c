import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { SLOWNESS, scaled } from './support/host.js';
import { makeNetwork, NODE, nodePlace, startOnNode } from './support/network.js';

makeNetwork();

/** Asks a closed port of each address that it reads, and prints after how many milliseconds it was refused. */
const asker = `
import socket, sys, time
for line in sys.stdin:
    s = socket.socket()
    start = time.monotonic()
    try: s.connect((line.strip(), 1))
    except ConnectionRefusedError: print(int((time.monotonic() - start) * 1000), flush=True)
    except OSError as error: print(error, flush=True)
    s.close()
`;

it('a container that has just started has the first packet that is sent to it', {
  tags: 'vm',
  timeout: 300_000,
}, async () => {
  const niwad = await startOnNode(nodePlace());
  const child = spawn('nsenter', [`--net=/run/netns/${NODE}`, 'python3', '-c', asker], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const waits: number[] = [];
  for (let i = 0; i < 80 / SLOWNESS; i++) {
    await niwad.start({ id: 'first', network: { mode: 'bridge' }, process: { args: ['sleep', '1000'] } });
    const [address] = /^10\.\S+/m.exec(readFileSync(`${niwad.place.runDir}/containers/first/hosts`, 'utf8')) ?? [];
    child.stdin.write(`${address}\n`);
    waits.push(Number((await answers.next()).value));
    await niwad.client.remove('first', { force: true });
  }
  // A SYN that is lost is sent again after a second.
  console.log(`refused after ${waits.toSorted((a, b) => a - b)} ms`);
  expect(waits.filter((wait) => !(wait < scaled(900)))).toEqual([]);
});
