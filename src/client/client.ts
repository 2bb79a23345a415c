import { type Dispatcher, Pool } from 'undici';
import type { HistoryPoint } from '../accounting/history.js';
import type { Rates } from '../accounting/rates.js';
import type { Usage } from '../accounting/usage.js';
import type { ErrorBody } from '../api/errors.js';
import type { RuntimeEvent } from '../container/runtime.js';
import type { ContainerStatus, Exit, State } from '../container/status.js';
import { NiwaError } from '../errors.js';
import type { Check } from '../host/doctor.js';
import type { ResourcesInput, SpecInput } from '../spec/schema.js';

/** One reading of a container. */
export interface Stats {
  id: string;
  at: string;
  state: State;
  usage: Usage;
  rates: Rates | null;
}

/** A piece of what a container wrote. */
export interface OutputChunk {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

/** The daemon and its host. */
export interface Info {
  version: string;
  pid: number;
  node: string;
  cgroup: {
    mount: string;
    containers: string;
    controllers: { available: string[]; missing: Record<string, string> };
  };
  containers: number;
  doctor: { ok: boolean; checks: Check[] };
}

export type Duration = number | string;
type Query = Record<string, string | boolean | undefined>;

/**
 * The API of niwad, typed. Every method throws a NiwaError: the code of the daemon's own error, or `DAEMON_UNREACHABLE`.
 */
export class NiwaClient {
  readonly #socket: string;
  readonly #pool: Pool;

  /** @param socket the path of niwad's socket */
  constructor(socket: string) {
    this.#socket = socket;
    this.#pool = new Pool('http://niwad', { socketPath: socket, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Closes idle connections and ends streams. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }

  list(filter: { state?: State; owner?: string; label?: string } = {}): Promise<ContainerStatus[]> {
    return this.#json('GET', '/v1/containers', { query: filter });
  }

  /** Creates a container; `start` also starts it, `wait` also waits for its end. */
  create(spec: SpecInput, options: { start?: boolean; wait?: boolean } = {}): Promise<ContainerStatus> {
    return this.#json('POST', '/v1/containers', { query: options, body: spec });
  }

  inspect(id: string): Promise<ContainerStatus> {
    return this.#json('GET', pathOf(id));
  }

  /** Changes limits; what is left out stays. */
  update(id: string, resources: ResourcesInput): Promise<ContainerStatus> {
    return this.#json('PATCH', pathOf(id), { body: { resources } });
  }

  /** Forgets an exited container; `force` kills it first. */
  async remove(id: string, options: { force?: boolean } = {}): Promise<void> {
    await this.#request('DELETE', pathOf(id), { query: options }).then(({ body }) => body.dump());
  }

  start(id: string): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/start`);
  }

  /** Sends the stop signal, after the timeout kills; resolves when it has exited. */
  stop(id: string, options: { timeout?: Duration; signal?: string } = {}): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/stop`, { body: options });
  }

  kill(id: string, signal = 'SIGKILL'): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/kill`, { body: { signal } });
  }

  pause(id: string): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/pause`);
  }

  resume(id: string): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/resume`);
  }

  /** Resolves when a container has exited; with a timeout, with null where it has not by then. */
  wait(id: string): Promise<Exit>;
  wait(id: string, options: { timeout: string }): Promise<Exit | null>;
  wait(id: string, options: { timeout?: string } = {}): Promise<Exit | null> {
    return this.#json('GET', `${pathOf(id)}/wait`, { query: options });
  }

  /** Moves the deadline: the lifetime from the start (null for none), or what remains from now. */
  setLifetime(id: string, change: { lifetime: Duration | null } | { remaining: Duration }): Promise<ContainerStatus> {
    return this.#json('PUT', `${pathOf(id)}/lifetime`, { body: change });
  }

  stats(id: string): Promise<Stats> {
    return this.#json('GET', `${pathOf(id)}/stats`);
  }

  /** The readings of one container, one per interval, until its end. */
  streamStats(id: string): AsyncGenerator<Stats> {
    return this.#lines(`${pathOf(id)}/stats`, { stream: true });
  }

  /** The readings of all containers that have not exited, one list per interval, without end. */
  streamAllStats(): AsyncGenerator<Stats[]> {
    return this.#lines('/v1/stats', { stream: true });
  }

  allStats(): Promise<Stats[]> {
    return this.#json('GET', '/v1/stats');
  }

  history(id: string): Promise<HistoryPoint[]> {
    return this.#json('GET', `${pathOf(id)}/history`);
  }

  /** What happens from now on, without end. */
  events(): AsyncGenerator<RuntimeEvent> {
    return this.#lines('/v1/events');
  }

  /** What a container wrote last, and what it writes, until its end. */
  async *output(id: string): AsyncGenerator<OutputChunk> {
    const lines = this.#lines<{ stream: 'stdout' | 'stderr'; data: string }>(`${pathOf(id)}/output`);
    for await (const { stream, data } of lines) yield { stream, data: Buffer.from(data, 'base64') };
  }

  info(): Promise<Info> {
    return this.#json('GET', '/v1/info');
  }

  health(): Promise<{ status: 'ok' }> {
    return this.#json('GET', '/v1/health');
  }

  /** The OpenAPI document of the API. */
  openapi(): Promise<object> {
    return this.#json('GET', '/v1/openapi.json');
  }

  /** The metrics as Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.#request('GET', '/metrics')).body.text();
  }

  async #json<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    options: { query?: Query; body?: object } = {},
  ): Promise<T> {
    const { body } = await this.#request(method, path, options);
    return (await body.json()) as T;
  }

  async *#lines<T>(path: string, query: Query = {}): AsyncGenerator<T> {
    const { body } = await this.#request('GET', path, { query });
    let rest = '';
    for await (const piece of body.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as T;
    }
  }

  async #request(
    method: Dispatcher.HttpMethod,
    path: string,
    { query = {}, body }: { query?: Query; body?: object } = {},
  ): Promise<Dispatcher.ResponseData> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = body === undefined ? null : JSON.stringify(body);
    const defined = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
    const response = await this.#pool
      .request({ method, path, query: defined, headers, body: sent })
      .catch((error: unknown) => {
        throw unreachable(this.#socket, error);
      });
    if (response.statusCode < 400) return response;
    const { code, message, ...details } = (await response.body.json()) as ErrorBody;
    throw new NiwaError(code, message, { details });
  }
}

function pathOf(id: string): string {
  return `/v1/containers/${encodeURIComponent(id)}`;
}

function unreachable(socket: string, error: unknown): NiwaError {
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT:
      'there is no such socket: niwad is not running. Start it with `niwad` as root, or name its socket with --socket',
    ECONNREFUSED: 'nobody listens on it: niwad is not running. Start it with `niwad` as root',
    EACCES: "permission denied: only root and the group of niwad's configuration may use it",
  };
  const reason = reasons[code ?? ''] ?? (error instanceof Error ? error.message : String(error));
  return new NiwaError('DAEMON_UNREACHABLE', `cannot reach niwad on ${socket}: ${reason}`, { cause: error });
}
