import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Destination, ServicePath } from '../../../src/network/services/types.js';
import type { ListenAddress } from '../../../src/protocol/resolved-service.js';
import { BRIDGE, NODE, SUBNET, startServer } from './network.js';
import type { Niwad } from './niwad.js';

const SCRIPT = join(import.meta.dirname, 'service-paths.mjs');
const SETTINGS = {
  bridge: BRIDGE,
  subnet: SUBNET,
  subnet6: 'fd6e:6977:6100::/64',
  mtu: 1500,
  connectionsPerContainer: 0,
};

type Answer = { value: unknown } | { error: string; message: string };
interface Counts {
  connections: number;
  byInstance: Record<string, number>;
  held: number;
  heldNow: number;
  refused: Record<string, number>;
}

/** The data path of services in the tests' node, without a niwad: a process of its own. */
export class PathsOfNode {
  readonly #child: ChildProcess;
  #end: string | null = null;
  readonly #answers: ((answer: Answer) => void)[] = [];
  /** The services that were woken, in order. */
  readonly woken: string[] = [];
  /** Its log. */
  errors = '';

  /** @param env of its process */
  constructor(env: Record<string, string> = {}) {
    const command = [`--net=/run/netns/${NODE}`, process.execPath, SCRIPT, JSON.stringify(SETTINGS)];
    const child = spawn('nsenter', command, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#child = child;
    child.stderr.on('data', (bytes: Buffer) => {
      this.errors += bytes;
    });
    child.once('exit', (code, signal) => {
      this.#end = `the data path has ended: ${code ?? signal}\n${this.errors}`;
      for (const answer of this.#answers.splice(0)) answer({ error: 'ENDED', message: this.#end });
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as Answer | { woken: string };
      if ('woken' in said) this.woken.push(said.woken);
      else this.#answers.shift()?.(said);
    });
  }

  declare = (path: Partial<ServicePath> & Pick<ServicePath, 'name' | 'listen'>) =>
    this.#call('declare', { from: null, queue: 1024, ...path });
  withdraw = (name: string) => this.#call('withdraw', name);
  route = (name: string, destinations: readonly Destination[], unrouted: readonly Destination[] = []) =>
    this.#call('route', name, destinations, unrouted);
  refuse = (name: string, cause: string) => this.#call('refuse', name, cause);
  accept = (name: string) => this.#call('accept', name);
  open = () => this.#call('open');
  close = () => this.#call('close');
  async counts(name: string): Promise<Counts> {
    return ((await this.#call('counts')) as Record<string, Counts>)[name] as Counts;
  }

  /** Kills the process, as a crash of niwad would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #call(method: string, ...args: unknown[]): Promise<unknown> {
    if (this.#end !== null) throw new Error(this.#end);
    const answered = new Promise<Answer>((resolve) => this.#answers.push(resolve));
    this.#child.stdin?.write(`${JSON.stringify({ method, args })}\n`);
    const answer = await answered;
    if ('error' in answer) throw Object.assign(new Error(answer.message), { code: answer.error });
    return answer.value;
  }
}

/** Parses `tcp 0.0.0.0:80`, `udp [::]:53`. */
export function listen(text: string): ListenAddress {
  const [, protocol, host = '', port] = /^(tcp|udp) (.*):([0-9]+)$/.exec(text) ?? [];
  const address = host.replace(/[[\]]/g, '');
  return {
    protocol: protocol as 'tcp' | 'udp',
    family: address.includes(':') ? 6 : 4,
    address: ['0.0.0.0', '::'].includes(address) ? null : address,
    port: Number(port),
  };
}

/** The IPv6 address of the container that has an IPv4 address. */
export function v6(address: string): string {
  return `fd6e:6977:6100::${Number(address.split('.')[3]).toString(16)}`;
}

/** Starts containers that answer on port 80, each with its id. */
export async function startDestinations(niwad: Niwad, ids: readonly string[]): Promise<Destination[]> {
  return await Promise.all(
    ids.map(async (id) => {
      const address = await startServer(niwad, id, {});
      return { id, address, address6: v6(address), port: 80 };
    }),
  );
}

/** Those of a list that are there. */
export const some = (...wanted: (Destination | undefined)[]) => wanted.filter((one) => one !== undefined);
