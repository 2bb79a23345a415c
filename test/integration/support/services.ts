import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServiceInput } from '../../../src/protocol/service.js';
import { inside } from './network.js';

/**
 * A server in Python that tells every caller the name of its container. It ends by SIGTERM as programs should: it
 * answers whom it has accepted.
 */
export const SERVER = `
import os, signal, socket, sys, threading
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('::', 80))
s.listen(1024)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
name = socket.gethostname().encode()
while True:
    c, address = s.accept()
    c.sendall(name)
    c.close()
`;

/** A service of {@link SERVER} at port 8080 of the node. */
export function serviceOf(fields: Partial<ServiceInput> = {}, program = SERVER): ServiceInput {
  const template = { process: { args: ['python3', '-c', program] }, ...fields.template };
  return { service: 'shop', listen: ['0.0.0.0:8080'], port: 80, ...fields, template };
}

const CLIENT = `
import collections, errno, json, socket, sys, threading, time
host, port, many, seconds, patience, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:7])
failures = []
answers, slowest, lock, until = collections.Counter(), 0, threading.Lock(), time.monotonic() + seconds
def ask():
    global slowest
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    s.settimeout(patience)
    began = time.monotonic()
    try:
        s.connect((host, port))
        answer = s.recv(100).decode() or 'nothing'
        while s.recv(100): pass # the server closes first: else this host runs out of ports
    except OSError as error:
        answer = errno.errorcode.get(error.errno, 'timeout') if error.errno else 'timeout'
        failures.append(time.monotonic())
    s.close()
    with lock:
        answers[answer] += 1
        slowest = max(slowest, time.monotonic() - began)
def go():
    ask()
    while time.monotonic() < until:
        time.sleep(pause / 1000)
        ask()
threads = [threading.Thread(target=go) for _ in range(many)]
for thread in threads: thread.start()
for thread in threads: thread.join()
failed_for = max(failures) - min(failures) if failures else 0
print(json.dumps({'answers': answers, 'ms': slowest * 1000, 'failedForMs': failed_for * 1000}))`;

/** How often each answer came, or the name of an errno, or `timeout`. */
export interface Answers {
  answers: Record<string, number>;
  /** How long the slowest one took. */
  ms: number;
  /** The time between the first failure and the last one. */
  failedForMs: number;
}

export interface Asking {
  host?: string;
  port?: number;
  /** How many ask at once. */
  many?: number;
  /** For how long each of them asks again and again; 0 for once. */
  seconds?: number;
  /** How long each of them waits before it asks again. */
  pauseMs?: number;
  /** How long each waits for an answer. */
  patience?: number;
}

/** Asks a service out of a network namespace. */
export async function ask(
  name: string,
  { host = '192.0.2.1', port = 8080, many = 1, seconds = 0, pauseMs = 0, patience = 20 }: Asking = {},
): Promise<Answers> {
  const words = [host, port, many, seconds, patience, pauseMs].map(String);
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'python3', '-c', CLIENT, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  await once(child, 'close');
  return JSON.parse(output) as Answers;
}

/** Asks once, and gives the answer. */
export async function askOnce(name: string, asking: Asking = {}): Promise<string> {
  return Object.keys((await ask(name, asking)).answers)[0] ?? '';
}

/** Listens on a port in a namespace with a program of the host, until it is closed. */
export async function occupy(name: string, port: number): Promise<() => void> {
  const program = `import socket; s = socket.socket(); s.bind(('0.0.0.0', ${port})); s.listen(); print('ready', flush=True); s.accept()`;
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'python3', '-c', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return () => child.kill('SIGKILL');
}

/** The rules of the data path in a namespace. */
export const rulesIn = (name: string) => inside(name, 'nft', 'list', 'ruleset');
