import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Many clients at once: how many had which answer (its first word, or the name of the errno), and the slowest of them.
 */
export interface Answers {
  answers: Record<string, number>;
  ms: number;
}

const program = (host: string, port: number, many: number, times: number) => `
import collections, errno, json, socket, threading, time
answers, slowest, lock = collections.Counter(), 0, threading.Lock()
def ask():
    global slowest
    s = socket.socket(socket.AF_INET6 if ':' in '${host}' else socket.AF_INET)
    s.settimeout(40)
    began = time.monotonic()
    try:
        s.connect(('${host}', ${port}))
        answer = s.recv(100).decode().split(' ')[0]
    except OSError as error: answer = errno.errorcode.get(error.errno, 'timeout') if error.errno else 'timeout'
    with lock:
        answers[answer] += 1
        slowest = max(slowest, time.monotonic() - began)
    s.close()
def ask_often():
    for _ in range(${times}): ask()
threads = [threading.Thread(target=ask_often) for _ in range(${many})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({'answers': answers, 'ms': slowest * 1000}))`;

/** Runs a program in Python in a network namespace, and gives its output when it has ended. */
export async function pythonIn(name: string, text: string): Promise<string> {
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'python3', '-c', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  await once(child, 'close');
  return output;
}

/** Lets many clients out of a network namespace connect at once, each several times, one after another. */
export async function ask(name: string, host: string, port: number, many = 1, times = 1): Promise<Answers> {
  return JSON.parse(await pythonIn(name, program(host, port, many, times))) as Answers;
}
