import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { type ErrorBody, NiwaError } from '../protocol/errors.js';
import { UPGRADE } from '../protocol/frames.js';
import { NEXT_HEADER } from '../protocol/headers.js';
import { ClientSession } from './session.js';

/** The fields of a query; a field that is undefined is left out. */
export type Given<Q> = { [Name in keyof Q]?: Q[Name] | undefined };

const PAGE_LENGTH = 500;
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | string[] | undefined>>;
interface RequestOptions {
  query?: Query;
  headers?: Readonly<Record<string, string>>;
  body?: object;
}

/**
 * The client closes an unused connection after this time, long before niwad does (72 s): if niwad closed it first, it
 * might do so while a request is on its way.
 */
const IDLE_MS = 30_000;
/** How many new connections are tried for one request, beside the connections that were kept. */
const MOST_CONNECTIONS = 3;

/** HTTP on niwad's socket: requests, streams of lines, and connections of frames. Errors are those of the daemon. */
export class Transport {
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

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a request; gives its answer, which is JSON. @throws NiwaError, as all methods of this class do */
  async json<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    return (await json(await this.request(method, path, options))) as T;
  }

  /** Gives the items of an array, which is requested page by page. */
  async *pages<T>(path: string, query: Query): AsyncGenerator<T> {
    for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
      const response = await this.request('GET', path, { query: { ...query, limit: PAGE_LENGTH, after } });
      yield* (await json(response)) as T[];
      after = response.headers[NEXT_HEADER] as string | undefined;
    }
  }

  /** Gives the lines of an answer, parsed as JSON, as they come. */
  async *lines<T>(path: string, query: Query = {}): AsyncGenerator<T> {
    yield* this.linesOf<T>(await this.request('GET', path, { query }));
  }

  /** The same for an answer that has begun to arrive. */
  async *linesOf<T>(response: IncomingMessage): AsyncGenerator<T> {
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

  /** Sends a request; gives the answer unless it is an error. */
  async request(
    method: Method,
    path: string,
    { query = {}, headers = {}, body }: RequestOptions = {},
  ): Promise<IncomingMessage> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one));
    const target = search.size > 0 ? `${path}?${search}` : path;
    const once = async () => this.#accept(await this.#send(method, target, headers, body));
    return await once().catch((error: unknown) => {
      if (!isStopping(error)) throw error;
      return once(); // the new connection waits for the next niwad
    });
  }

  /** Gives the answer unless it is an error. @throws NiwaError with the daemon's error */
  async #accept(response: IncomingMessage): Promise<IncomingMessage> {
    if ((response.statusCode ?? 0) < 400) return response;
    const { code, message, ...details } = (await json(response)) as ErrorBody;
    throw new NiwaError(code, message, { details });
  }

  /** Sends a request whose connection becomes a connection of frames. */
  async upgrade(path: string, body?: object): Promise<ClientSession> {
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
        .on('error', (error) => reject(unreachable(this.#socket, error))) // more than one may come
        .once('socket', bearErrors)
        .end(sent);
    });
    if (answer instanceof ClientSession) return answer;
    const { code, message, ...details } = (await json(answer)) as ErrorBody;
    throw new NiwaError(code, message, { details });
  }

  /** Sends a stream; the answer may begin before the stream has ended. */
  async upload(path: string, body: Readable, method: 'POST' | 'PUT' = 'POST'): Promise<IncomingMessage> {
    // The connection must stay open after the answer. Otherwise niwad would close it while the rest of a refused body
    // is unread, and the kernel would discard the answer.
    const headers = { 'content-type': 'application/x-tar', 'transfer-encoding': 'chunked', connection: 'keep-alive' };
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      const fail = (error: unknown) => reject(unreachable(this.#socket, error));
      // A new connection, never a kept one: if a kept connection breaks, the part of the body that was read cannot be
      // sent again.
      const sent = request({ socketPath: this.#socket, agent: false, method, path, headers }, resolve);
      sent.on('error', fail).once('socket', bearErrors);
      body.once('error', (error) => {
        sent.destroy();
        reject(error);
      });
      body.pipe(sent);
    });
    return this.#accept(await answer);
  }

  /** Sends a request, and repeats it if the repetition does no harm, see {@link mayRepeat}. */
  async #send(
    method: Method,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: object | undefined,
  ): Promise<IncomingMessage> {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const type =
      sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    const options = { socketPath: this.#socket, agent: this.#agent, method, path, headers: { ...headers, ...type } };
    for (let connections = 0; ; ) {
      if (this.#closed) throw unreachable(this.#socket, new Error('the client is closed'));
      const outgoing = request(options);
      try {
        return await answerTo(outgoing.end(sent));
      } catch (error) {
        // kept connections are not counted, because there are only few of them
        if (!outgoing.reusedSocket) connections++;
        if (this.#closed || connections === MOST_CONNECTIONS || !mayRepeat(method, error))
          throw unreachable(this.#socket, error);
      }
    }
  }
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject).once('socket', bearErrors);
  });
}

const borne = new WeakSet<Socket>();

/**
 * Listens for the errors of a connection. niwad may answer and close while the body is still being sent: the error of
 * that write comes after the request is over, when Node.js listens no more, and would end the program of the user.
 */
function bearErrors(connection: Socket): void {
  if (!borne.has(connection)) connection.on('error', () => {});
  borne.add(connection);
}

/**
 * Whether a request without an answer may be sent again. EPIPE or ECONNRESET from the kernel means that the other side
 * closed the connection before it had read all bytes (unix(7)), so the other side has done nothing. If a connection
 * just ends ("socket hang up", from Node.js), the other side may have read the whole request: then only a request that
 * changes nothing is repeated.
 */
function mayRepeat(method: Method, error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const unread = (code === 'EPIPE' || code === 'ECONNRESET') && (syscall === 'read' || syscall === 'write');
  return unread || (method === 'GET' && code === 'ECONNRESET');
}

/** Whether the answer comes from a niwad that is stopping, and so has done nothing. */
function isStopping(error: unknown): boolean {
  return error instanceof NiwaError && error.code === 'DAEMON_UNREACHABLE' && error.cause === undefined;
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
