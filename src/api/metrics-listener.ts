import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { messageOf } from '../protocol/errors.js';
import { parseListen } from '../spec/listen.js';
import { type MetricsSource, metricsText } from './metrics-text.js';

const PATH = '/metrics';
/** Prometheus and a few people who look; a connection beyond is closed at once. */
const MAX_CONNECTIONS = 32;
/**
 * How long a connection lives, whatever its client does or does not do. Prometheus waits 10 s for an answer, unless its
 * configuration says otherwise.
 */
const CONNECTION_MS = 10_000;
const MAX_HEADER_BYTES = 8192;
/** Who asks within this time after another gets the same text: the use of containers is read once a second, too. */
const FRESH_MS = 1000;
const RETRY_MS = 1000;

/** A text that was made, or is being made. */
interface Made {
  atMs: number;
  body: Promise<Buffer>;
}

/**
 * Answers `GET /metrics` on a TCP port until the function that it gives is called. It gives it when the port is there,
 * or cannot be had at the moment.
 * @param address of the form that `parseListen` takes; null for none
 */
export async function listenForMetrics(
  address: string | null,
  source: MetricsSource,
  log: FastifyBaseLogger,
): Promise<() => void> {
  if (address === null) return () => {};
  const listener = new MetricsListener(address, source, log);
  await listener.open();
  return () => listener.close();
}

/**
 * Answers `GET /metrics` on a TCP port, and nothing else. Everybody who reaches the port may ask, so all is bounded:
 * each connection has one request, ends after ten seconds, and one text a second is made for all. While the port cannot
 * be had, it is tried again each second: niwad and its containers do not depend on it.
 */
class MetricsListener {
  readonly #address: string;
  readonly #source: MetricsSource;
  readonly #log: FastifyBaseLogger;
  readonly #server: Server;
  #made: Made | null = null;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(address: string, source: MetricsSource, log: FastifyBaseLogger) {
    this.#address = address;
    this.#source = source;
    this.#log = log;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) =>
      this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on('connection', endInTime);
    this.#server.on('error', (error) => this.#failed(error));
    this.#server.on('listening', () => log.info({ address }, 'metrics can be read'));
  }

  /** Begins to listen. A failure is written to the log, and listening is tried again until `close`. */
  async open(): Promise<void> {
    const { family, address, port } = parseListen(this.#address) ?? {};
    const host = address ?? (family === 6 ? '::' : '0.0.0.0');
    this.#server.listen({ port, host, backlog: MAX_CONNECTIONS });
    await once(this.#server, 'listening').catch(() => {}); // #failed() tells it
  }

  /** Stops listening, and cuts what is open. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #failed(error: Error): void {
    if (this.#isClosed) return;
    if (!this.#hasFailed)
      this.#log.warn(
        { address: this.#address },
        `metrics cannot be read at the address of "metricsListen": ${messageOf(error)}; it is tried again each second`,
      );
    this.#hasFailed = true;
    this.#retry = setTimeout(() => void this.open(), RETRY_MS).unref();
  }

  #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    if (url.split('?', 1)[0] !== PATH) refuse(response, 404, `there is only ${PATH} here`);
    else if (method === 'GET' || method === 'HEAD') void this.#send(response, method === 'HEAD');
    else refuse(response.setHeader('allow', 'GET, HEAD'), 405, `${PATH} can only be read`);
  }

  async #send(response: ServerResponse, headersAlone: boolean): Promise<void> {
    try {
      const body = await this.#freshBody();
      response.setHeader('content-type', this.#source.metrics.contentType);
      response.setHeader('content-length', body.length);
      response.end(headersAlone ? undefined : body);
    } catch (error) {
      this.#log.error({ err: error }, 'the metrics could not be made');
      refuse(response, 500, 'the metrics could not be made; the log of niwad says why');
    }
  }

  #freshBody(): Promise<Buffer> {
    const nowMs = performance.now();
    if (this.#made === null || nowMs - this.#made.atMs > FRESH_MS) {
      const body = metricsText(this.#source).then((pieces) => Buffer.concat(pieces.map((piece) => Buffer.from(piece))));
      this.#made = { atMs: nowMs, body };
    }
    return this.#made.body;
  }
}

function endInTime(socket: Socket): void {
  const end = setTimeout(() => socket.destroy(), CONNECTION_MS).unref();
  socket.once('close', () => clearTimeout(end));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}
