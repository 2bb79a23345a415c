import { Socket } from 'node:net';

export type StreamName = 'stdout' | 'stderr';

/** A piece of output as the container wrote it. */
export interface Chunk {
  stream: StreamName;
  data: Buffer;
}

/** Gets pieces in their order; gives false to have no more until {@link Follower.drained} is called. */
export interface Follower {
  chunk(chunk: Chunk): boolean;
  end(): void;
}

const KEPT_BYTES = 64 * 1024;

/**
 * The standard output and error of one container: the last 64 KiB are kept for who comes late, the rest passes through to
 * the followers. A follower that lags holds the container's writes back, as a full pipe does; without followers nothing does.
 */
export class Output {
  readonly #sources: Socket[];
  readonly #followers = new Map<Follower, { lagging: boolean }>();
  #kept: Chunk[] = [];
  #keptBytes = 0;
  #open: number;

  /** Takes over the reading ends of the two pipes. */
  constructor(stdout?: number, stderr?: number) {
    this.#sources =
      stdout === undefined || stderr === undefined ? [] : [this.#read(stdout, 'stdout'), this.#read(stderr, 'stderr')];
    this.#open = this.#sources.length;
  }

  /** Adds a follower, who first gets what is kept. Gives what to call when it can take more, and to leave. */
  follow(follower: Follower): { drained(): void; leave(): void } {
    for (const chunk of this.#kept) follower.chunk(chunk);
    if (this.#open === 0) {
      follower.end();
      return { drained: () => {}, leave: () => {} };
    }
    this.#followers.set(follower, { lagging: false });
    const settle = (change: () => void) => () => {
      change();
      this.#flow();
    };
    return {
      drained: settle(() => {
        const status = this.#followers.get(follower);
        if (status !== undefined) status.lagging = false;
      }),
      leave: settle(() => this.#followers.delete(follower)),
    };
  }

  /** Lets go of the pipes, for a container that is removed while something still holds its output open. */
  close(): void {
    for (const source of this.#sources) source.destroy();
  }

  #read(fd: number, stream: StreamName): Socket {
    const source = new Socket({ fd, readable: true, writable: false });
    source.on('data', (data: Buffer) => this.#take({ stream, data }));
    source.on('error', () => source.destroy());
    source.on('close', () => this.#closed());
    return source;
  }

  #take(chunk: Chunk): void {
    this.#keep(chunk);
    for (const [follower, status] of this.#followers) if (!follower.chunk(chunk)) status.lagging = true;
    this.#flow();
  }

  #keep(chunk: Chunk): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.data.length;
    while (this.#keptBytes > KEPT_BYTES && this.#kept.length > 1)
      this.#keptBytes -= this.#kept.shift()?.data.length ?? 0;
  }

  #flow(): void {
    const held = [...this.#followers.values()].some(({ lagging }) => lagging);
    for (const source of this.#sources) held ? source.pause() : source.resume();
  }

  #closed(): void {
    this.#open--;
    if (this.#open > 0) return;
    for (const follower of this.#followers.keys()) follower.end();
    this.#followers.clear();
  }
}
