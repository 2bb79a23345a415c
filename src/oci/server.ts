import { chmodSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Runtime } from '../containers/runtime.js';
import { type Endpoint, makeSocket, unlisten } from '../host/listening.js';
import type { Frame } from '../kernel/births.js';
import type { Kernel } from '../kernel/kernel.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { Connection, closeAll } from './connection.js';
import { runLastHooksHere } from './hooks.js';
import { LateHooks } from './late-hooks.js';
import { FRAME, type Request, readRequest } from './messages.js';
import { OciNames } from './names.js';
import { Call } from './options.js';
import type { Annotation } from './spec.js';
import { isOver, type VerbParts } from './verb-parts.js';
import { VERBS } from './verbs.js';

export interface OciServerOptions {
  /** The socket for the command. */
  endpoint: Endpoint;
  runtime: Runtime;
  kernel: Pick<Kernel, 'births' | 'frames' | 'host' | 'sockets'>;
  /** The annotations that have an effect. */
  honoured: readonly Annotation[];
  log: Logger;
}

/** Answers the commands of container engines. */
export class OciServer {
  readonly #options: OciServerOptions;
  readonly #parts: VerbParts;
  readonly #connections = new Map<number, Connection>();

  /** Begins to listen, in place of an earlier niwad. @throws KernelError */
  static open(options: OciServerOptions): OciServer {
    const { endpoint, kernel } = options;
    const server = new OciServer(options);
    kernel.frames.open(endpoint.fd ?? makeOwnSocket(endpoint.path, kernel), (frame) => server.#hear(frame));
    return server;
  }

  private constructor(options: OciServerOptions) {
    const { runtime, kernel, honoured, log } = options;
    const names = new OciNames((id) => isOver({ runtime, kernel }, id));
    const lateHooks = new LateHooks();
    this.#options = options;
    this.#parts = { runtime, kernel, names, honoured, lateHooks, log };
    for (const container of runtime.list()) {
      names.add(container);
      lateHooks.add(container);
    }
    runtime.subscribe((event) => event.type === 'remove' && this.#removed(event.id));
  }

  /** Listens no more, and ends all connections. Those that wait at the socket of a service manager stay there. */
  close(): void {
    const { endpoint, kernel } = this.#options;
    kernel.frames.close();
    unlisten(endpoint);
  }

  #removed(id: string): void {
    const { names, lateHooks, log } = this.#parts;
    names.removed(id);
    const late = lateHooks.take(id);
    if (late !== undefined) void runLastHooksHere(late, log);
  }

  #hear(frame: Frame): void {
    const { connection: number } = frame;
    const connection = this.#connections.get(number) ?? new Connection(number, this.#options.kernel.frames);
    if (frame.closed) {
      this.#connections.delete(number);
      connection.closed();
      return;
    }
    this.#connections.set(number, connection);
    if (!connection.takes(frame)) void this.#answer(frame, connection);
  }

  async #answer({ kind, body, descriptors }: Frame, connection: Connection): Promise<void> {
    closeAll(descriptors);
    try {
      if (kind !== FRAME.request) throw new NiwaError('SPEC_INVALID', `niwa-oci has sent a frame of the kind ${kind}`);
      connection.send(FRAME.done, await this.#act(readRequest(body), connection));
    } catch (error) {
      if (!(error instanceof NiwaError)) this.#options.log.error({ err: error }, 'a request of niwa-oci failed');
      connection.send(FRAME.error, messageOf(error));
    }
  }

  async #act(request: Request, connection: Connection): Promise<string> {
    const verb = Object.hasOwn(VERBS, request.verb) ? VERBS[request.verb] : undefined;
    if (verb === undefined) throw new NiwaError('SPEC_INVALID', `${request.verb} is not supported by this niwad`);
    const text = await verb(this.#parts, new Call(request), connection);
    this.#options.log.debug({ verb: request.verb, argument: request.values.get('argument') }, 'niwa-oci');
    return text;
  }
}

function makeOwnSocket(path: string, kernel: Pick<Kernel, 'sockets'>): number {
  const listening = makeSocket(path, kernel);
  chmodSync(path, 0o600);
  return listening;
}
