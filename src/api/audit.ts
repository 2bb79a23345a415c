import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { changesSomething } from '../access/operations.js';
import type { Peer } from '../kernel/sockets.js';
import type { ErrorBody, ErrorCode } from '../protocol/errors.js';
import { shortened } from '../spec/problems.js';
import type { Api } from './api.js';
import type { Refusals } from './refusals.js';

/** The most characters of a text in a line that a caller may have written. */
const MOST_OF_NAME = 128;
const MOST_OF_MESSAGE = 500;

/** The errors that are faults of the host or of niwad. All others refuse what a caller wants. */
const FAULTS: readonly ErrorCode[] = ['HOST_ERROR', 'PATH_TIMEOUT', 'INTERNAL'];

declare module 'fastify' {
  interface FastifyRequest {
    /** Writes the line about this request in niwad's log; null if the request changes nothing. */
    audit: Audit | null;
  }
  interface FastifyContextConfig {
    /** Whether the route itself calls `audit.done`, because its answer begins before the operation is done. */
    auditsItself?: boolean;
  }
}

/** The one line in niwad's log about an operation that changes something: who asked for what, and how it ended. */
export class Audit {
  readonly #log: FastifyBaseLogger;
  readonly #refusals: Refusals;
  readonly #request: FastifyRequest;
  readonly #operation: string;
  readonly #peer: Peer | undefined;
  readonly #begun = performance.now();
  #isTold = false;

  constructor(
    request: FastifyRequest,
    operation: string,
    peer: Peer | undefined,
    { log, refusals }: { log: FastifyBaseLogger; refusals: Refusals },
  ) {
    this.#request = request;
    this.#operation = operation;
    this.#peer = peer;
    this.#log = log;
    this.#refusals = refusals;
  }

  /** The operation is done. @param fields more about it, such as the id of what was made */
  done(fields: object = {}): void {
    if (this.#take()) this.#log.info({ ...this.#fields('ok'), ...fields }, 'operation done');
  }

  /** The operation was refused or has failed; everything was undone. @param error from which `body` was made */
  failed(error: unknown, { code, message }: ErrorBody): void {
    if (!this.#take()) return;
    const isFault = FAULTS.includes(code);
    if (isFault) this.#log.error({ ...this.#fields(code), err: error }, 'operation failed');
    else if (this.#refusals.mayTell(this.#peer?.uid ?? -1))
      this.#log.warn({ ...this.#fields(code), why: shortened(message, MOST_OF_MESSAGE) }, 'operation refused');
  }

  #take(): boolean {
    const isFirst = !this.#isTold;
    this.#isTold = true;
    return isFirst;
  }

  #fields(result: 'ok' | ErrorCode): object {
    return {
      operation: this.#operation,
      ...subjectOf(this.#request),
      uid: this.#peer?.uid ?? null,
      pid: this.#peer?.pid ?? null,
      result,
      took_usec: Math.round((performance.now() - this.#begun) * 1000),
    };
  }
}

/**
 * Writes a line to the log for each operation that changes something, also if it is refused. niwad's own operations
 * (lifetimes, services) have lines of their own.
 * @param peerOf gives the process that has sent a request
 */
export function auditOperations(
  api: Api,
  log: FastifyBaseLogger,
  refusals: Refusals,
  peerOf: (request: FastifyRequest) => Peer | undefined,
): void {
  api.decorateRequest('audit', null);
  api.addHook('onRequest', (request, _reply, next) => {
    const { operation } = request;
    if (operation !== null && changesSomething(operation))
      request.audit = new Audit(request, operation, peerOf(request), { log, refusals });
    next();
  });
  // at the sending of the answer, which comes also if the client has gone
  api.addHook('onSend', (request, reply, payload, next) => {
    const { audit } = request;
    if (audit !== null && reply.statusCode < 400 && !request.routeOptions.config.auditsItself) audit.done();
    next(null, payload);
  });
}

/**
 * Names what a request is about: the parameters of its path, or the name in its query, or the id in its body. None of
 * them is checked yet.
 */
function subjectOf({ params, query, body }: FastifyRequest): object {
  const { name } = (query ?? {}) as { name?: unknown };
  const { id } = (body ?? {}) as { id?: unknown };
  const texts = Object.entries({ name, id, ...(params as object) }).filter(([, text]) => typeof text === 'string');
  return Object.fromEntries(texts.map(([key, text]) => [key, shortened(text as string, MOST_OF_NAME)]));
}
