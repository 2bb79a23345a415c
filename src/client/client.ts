import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { json, text } from 'node:stream/consumers';
import type { ContainerDetails, ContainerStatus, Exit, Readiness } from '../protocol/container.js';
import { type ErrorBody, type ErrorDetails, NiwaError } from '../protocol/errors.js';
import type { RuntimeEvent } from '../protocol/events.js';
import type { ExecInput } from '../protocol/exec.js';
import { UPGRADE } from '../protocol/frames.js';
import { NEXT_HEADER } from '../protocol/headers.js';
import type { DrainStatus, Health, Info } from '../protocol/host.js';
import type { ImageInfo, ImportProgress } from '../protocol/images.js';
import type { LogChunk, LogLine } from '../protocol/logs.js';
import type { Planned } from '../protocol/plan.js';
import type { ListQuery, LogsQuery, UsageQuery as UsageFields } from '../protocol/queries.js';
import type { DurationInput } from '../protocol/spec/values.js';
import type { ResourcesInput, SpecInput } from '../protocol/spec.js';
import type { Stats } from '../protocol/stats.js';
import type { HistoryPoint } from '../protocol/usage.js';
import type { UsageAnswer } from '../protocol/usage-sums.js';
import { ClientSession } from './session.js';

/** What a query may say; a field that is undefined is left out. */
type Given<Q> = { [Name in keyof Q]?: Q[Name] | undefined };

/** Which part of a container's output. */
export type LogsOptions = Given<LogsQuery>;
/** Which containers; all given ones have to fit. */
export type ListFilter = Given<Pick<ListQuery, 'state' | 'owner' | 'label'>>;
/** What is summed. */
export type UsageQuery = Given<UsageFields>;

const PAGE_LENGTH = 500;
/** The most that there may be: niwad reads all of the period for each page. */
const USAGE_PAGE_LENGTH = 100_000;
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | string[] | undefined>>;
interface RequestOptions {
  query?: Query;
  body?: object;
}

/** A connection that nobody uses is closed long before niwad does that (72 s): it would cross a request. */
const IDLE_MS = 30_000;
/** How many connections are made for one request, beside those that were kept. */
const MOST_CONNECTIONS = 3;

/**
 * The API of niwad, typed. Every method throws a NiwaError: the code of the daemon's own error, or `DAEMON_UNREACHABLE`.
 */
export class NiwaClient {
  readonly #socket: string;
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  #closed = false;

  /** @param socket the path of niwad's socket */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Closes all connections; streams end with an error. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  /** All containers that fit, in the order of their creation. */
  list(filter: ListFilter = {}): Promise<ContainerStatus[]> {
    return collect(this.containers(filter));
  }

  /** The same one after another; they are asked for page by page, so that neither side ever has all of them as text. */
  containers(filter?: ListFilter): AsyncGenerator<ContainerStatus>;
  containers<F extends keyof ContainerStatus>(
    filter: ListFilter,
    fields: readonly F[],
  ): AsyncGenerator<Pick<ContainerStatus, F>>;
  containers(filter: ListFilter = {}, fields?: readonly string[]): AsyncGenerator<ContainerStatus> {
    return this.#pages('/v1/containers', { ...filter, fields: fields?.join(',') });
  }

  /**
   * Creates a container; `start` also starts it, `ready` also waits until it is ready or will not be any more, `wait` also
   * waits for its end.
   */
  create(
    spec: SpecInput,
    options: { start?: boolean; ready?: boolean; wait?: boolean } = {},
  ): Promise<ContainerStatus> {
    return this.#json('POST', '/v1/containers', { query: options, body: spec });
  }

  /** What a start of a spec would do, step by step; nothing is done. */
  plan(spec: SpecInput): Promise<Planned> {
    return this.#json('POST', '/v1/plan', { body: spec });
  }

  inspect(id: string): Promise<ContainerDetails> {
    return this.#json('GET', pathOf(id));
  }

  /** Changes limits; what is left out stays. One of memory below what it uses, which would kill it, needs `force`. */
  update(id: string, resources: ResourcesInput, options: { force?: boolean } = {}): Promise<ContainerStatus> {
    return this.#json('PATCH', pathOf(id), { body: { resources, ...options } });
  }

  /** Forgets an exited container; `force` kills it first. */
  async remove(id: string, options: { force?: boolean } = {}): Promise<void> {
    await text(await this.#request('DELETE', pathOf(id), { query: options }));
  }

  start(id: string): Promise<ContainerStatus> {
    return this.#json('POST', `${pathOf(id)}/start`);
  }

  /** Sends the stop signal, after the timeout kills; resolves when it has exited. */
  stop(id: string, options: { timeout?: DurationInput; signal?: string } = {}): Promise<ContainerStatus> {
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

  /** Resolves when a container is ready, or will not be any more. */
  waitReady(id: string): Promise<Readiness> {
    return this.#json('GET', `${pathOf(id)}/wait`, { query: { for: 'ready' } });
  }

  /** Moves the deadline: the lifetime from the start (null for none), or what remains from now. */
  setLifetime(
    id: string,
    change: { lifetime: DurationInput | null } | { remaining: DurationInput },
  ): Promise<ContainerStatus> {
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

  /** What a container has written; with `follow`, also what it writes, until it has exited. */
  async *logs(id: string, options: LogsOptions = {}): AsyncGenerator<LogChunk> {
    const lines = this.#lines<LogLine>(`${pathOf(id)}/logs`, { ...options });
    for await (const line of lines) yield { ...line, data: Buffer.from(line.data, 'base64') };
  }

  /** Runs a further process in a container. */
  exec(id: string, request: ExecInput): Promise<ClientSession> {
    return this.#upgrade(`${pathOf(id)}/exec`, request);
  }

  /** Hears what a container writes from now on, and types into its terminal where it has one. */
  attach(id: string): Promise<ClientSession> {
    return this.#upgrade(`${pathOf(id)}/attach`);
  }

  /** Takes no new containers; the old ones live out their lifetimes. */
  drain(): Promise<DrainStatus> {
    return this.#json('POST', '/v1/drain');
  }

  /** Takes new containers again. */
  undrain(): Promise<DrainStatus> {
    return this.#json('DELETE', '/v1/drain');
  }

  drainStatus(): Promise<DrainStatus> {
    return this.#json('GET', '/v1/drain');
  }

  /** Sums what was used, from the ledger; all rows unless `limit` says how many. */
  async usage(query: UsageQuery = {}): Promise<UsageAnswer> {
    const pages = await collect(this.usagePages(query));
    const { since, until, by, skipped_lines } = pages[0] as UsageAnswer;
    return { since, until, by, rows: pages.flatMap(({ rows }) => rows), skipped_lines };
  }

  /**
   * The same page by page, so that neither side ever has all of it; with `limit`, only the first page.
   * @returns with each page the `after` of the next one, null with the last
   */
  async *usagePages(query: UsageQuery = {}): AsyncGenerator<UsageAnswer & { next: string | null }> {
    for (let asked = { limit: USAGE_PAGE_LENGTH, ...query }; ; ) {
      const response = await this.#request('GET', '/v1/usage', { query: { ...asked } });
      const answer = (await json(response)) as UsageAnswer;
      const next = (response.headers[NEXT_HEADER] as string | undefined) ?? null;
      yield { ...answer, next };
      if (next === null || query.limit !== undefined) return;
      const { since, until } = answer; // of a period that ends now each page would have another one
      asked = { ...asked, after: next, ...(since === null ? {} : { since }), ...(until === null ? {} : { until }) };
    }
  }

  /** The images, one for each name. */
  images(): Promise<ImageInfo[]> {
    return this.#json('GET', '/v1/images');
  }

  /**
   * Imports the image in a tar, an OCI image layout or of `docker save`; gives what the daemon tells of it, until it is there.
   * @param tar its bytes
   * @param name instead of the names in the tar
   */
  async *importImage(tar: Readable, name?: string): AsyncGenerator<ImportProgress> {
    const query = name === undefined ? '' : `?${new URLSearchParams({ name })}`;
    const response = await this.#upload(`/v1/images${query}`, tar);
    try {
      for await (const line of this.#linesOf<ImportProgress | ({ type: 'error' } & ErrorBody)>(response)) {
        if (line.type === 'error') throw new NiwaError(line.code, line.message, { details: detailsOf(line) });
        yield line;
      }
    } finally {
      tar.destroy();
    }
  }

  /** Forgets a name of an image. */
  async removeImage(name: string): Promise<void> {
    await text(await this.#request('DELETE', '/v1/images', { query: { name } }));
  }

  info(): Promise<Info> {
    return this.#json('GET', '/v1/info');
  }

  health(): Promise<Health> {
    return this.#json('GET', '/v1/health');
  }

  /** The OpenAPI document of the API. */
  openapi(): Promise<object> {
    return this.#json('GET', '/v1/openapi.json');
  }

  /** The metrics as Prometheus text. */
  async metrics(): Promise<string> {
    return await text(await this.#request('GET', '/metrics'));
  }

  async #json<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    return (await json(await this.#request(method, path, options))) as T;
  }

  /** The items of an array that is asked for page by page. */
  async *#pages<T>(path: string, query: Query): AsyncGenerator<T> {
    for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
      const response = await this.#request('GET', path, { query: { ...query, limit: PAGE_LENGTH, after } });
      yield* (await json(response)) as T[];
      after = response.headers[NEXT_HEADER] as string | undefined;
    }
  }

  async *#lines<T>(path: string, query: Query = {}): AsyncGenerator<T> {
    yield* this.#linesOf<T>(await this.#request('GET', path, { query }));
  }

  async *#linesOf<T>(response: IncomingMessage): AsyncGenerator<T> {
    let rest = '';
    try {
      for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as T;
      }
    } catch (error) {
      throw unreachable(this.#socket, error);
    }
  }

  /** Sends a request; gives the answer where it is none of an error. */
  async #request(method: Method, path: string, { query = {}, body }: RequestOptions = {}): Promise<IncomingMessage> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one));
    const target = search.size > 0 ? `${path}?${search}` : path;
    const once = async () => this.#accept(await this.#send(method, target, body));
    return await once().catch((error: unknown) => {
      if (!isStopping(error)) throw error;
      return once(); // on another connection, which waits for the next niwad
    });
  }

  /** Gives an answer where it is none of an error. */
  async #accept(response: IncomingMessage): Promise<IncomingMessage> {
    if ((response.statusCode ?? 0) < 400) return response;
    const { code, message, ...details } = (await json(response)) as ErrorBody;
    throw new NiwaError(code, message, { details });
  }

  /** Sends a request that becomes a connection of frames. */
  async #upgrade(path: string, body?: object): Promise<ClientSession> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const type =
      sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    const headers = { connection: 'Upgrade', upgrade: UPGRADE, ...type };
    const answer = await new Promise<IncomingMessage | ClientSession>((resolve, reject) => {
      request({ socketPath: this.#socket, agent: false, method: 'POST', path, headers }, resolve)
        .once('upgrade', (_response, socket, head) => {
          if (head.length > 0) socket.unshift(head);
          resolve(new ClientSession(socket as Socket));
        })
        .once('error', (error) => reject(unreachable(this.#socket, error)))
        .end(sent);
    });
    if (answer instanceof ClientSession) return answer;
    const { code, message, ...details } = (await json(answer)) as ErrorBody;
    throw new NiwaError(code, message, { details });
  }

  /** Sends a stream; the answer may begin before it has ended. */
  async #upload(path: string, body: Readable): Promise<IncomingMessage> {
    // Where the connection were to close after the answer, niwad would end it with the rest of a refused body unread, and the
    // kernel would throw the answer away.
    const headers = { 'content-type': 'application/x-tar', 'transfer-encoding': 'chunked', connection: 'keep-alive' };
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      const fail = (error: unknown) => reject(unreachable(this.#socket, error));
      // A connection of its own: what has been read of the body could not be sent again.
      const sent = request({ socketPath: this.#socket, agent: false, method: 'POST', path, headers }, resolve);
      sent.on('error', fail);
      body.once('error', (error) => {
        sent.destroy();
        reject(error);
      });
      body.pipe(sent);
    });
    return this.#accept(await answer);
  }

  /** Sends a request, and again where that does no harm, see {@link mayRepeat}. */
  async #send(method: Method, path: string, body: object | undefined): Promise<IncomingMessage> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    const options = { socketPath: this.#socket, agent: this.#agent, method, path, headers };
    for (let connections = 0; ; ) {
      const outgoing = request(options);
      try {
        return await answerTo(outgoing.end(sent));
      } catch (error) {
        if (!outgoing.reusedSocket) connections++; // those that were kept are soon used up
        if (this.#closed || connections === MOST_CONNECTIONS || !mayRepeat(method, error))
          throw unreachable(this.#socket, error);
      }
    }
  }
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject);
  });
}

/**
 * Whether a request without an answer may be sent again. Where the kernel says EPIPE or ECONNRESET, the other side has closed the
 * connection before it had read all that was sent to it (unix(7)): so it has done nothing. A connection that just ends ("socket
 * hang up", from Node.js) may have been read to its end: only what changes nothing is repeated then.
 */
function mayRepeat(method: Method, error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const unread = (code === 'EPIPE' || code === 'ECONNRESET') && (syscall === 'read' || syscall === 'write');
  return unread || (method === 'GET' && code === 'ECONNRESET');
}

/** Whether the answer is that of a niwad that is stopping: it has done nothing. */
function isStopping(error: unknown): boolean {
  return error instanceof NiwaError && error.code === 'DAEMON_UNREACHABLE' && error.cause === undefined;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function detailsOf({ problems, step }: ErrorBody): ErrorDetails {
  return { ...(problems === undefined ? {} : { problems }), ...(step === undefined ? {} : { step }) };
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
    ECONNRESET: 'the connection was cut: niwad has ended, or we read too slowly',
    EACCES: "permission denied: only root and the group of niwad's configuration may use it",
  };
  const reason = reasons[code ?? ''] ?? (error instanceof Error ? error.message : String(error));
  return new NiwaError('DAEMON_UNREACHABLE', `cannot reach niwad on ${socket}: ${reason}`, { cause: error });
}
