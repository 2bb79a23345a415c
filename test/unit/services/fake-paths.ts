import type { Destination, PathCounts, Paths, ServicePath } from '../../../src/network/services/types.js';
import { NiwaError } from '../../../src/protocol/errors.js';

interface FakePath {
  path: ServicePath;
  routes: readonly Destination[];
  refusing: string | null;
  waiting: ((answer: string) => void)[];
  held: number;
  refused: Map<string, number>;
  counts: Map<string, number>;
}

/**
 * A data path that forwards nothing: requests are calls of {@link request}, which are answered by the id of the
 * instance that would get them, or by the cause of their refusal.
 */
export class FakePaths implements Paths {
  readonly #paths = new Map<string, FakePath>();
  isOpen = false;
  /** The next change of routes fails with this. */
  failure: Error | null = null;
  /** The next refusal or acceptance fails with this. */
  barFailure: Error | null = null;
  /** The changes of routes so far, each as the ids of the routed instances. */
  readonly changes: string[][] = [];
  onWake: (name: string) => void = () => {};

  /** What is declared, for the checks of a test. */
  get(name: string): FakePath | undefined {
    return this.#paths.get(name);
  }

  routesOf(name: string): string[] {
    return this.#paths.get(name)?.routes.map(({ id }) => id) ?? [];
  }

  /** A new connection; gives the instance that gets it, or why it is refused. */
  request(name: string): Promise<string> {
    const found = this.#paths.get(name);
    if (found === undefined) return Promise.resolve('closed');
    const [to] = found.routes;
    if (to !== undefined) {
      found.counts.set(to.id, (found.counts.get(to.id) ?? 0) + 1);
      return Promise.resolve(to.id);
    }
    if (found.refusing !== null) return Promise.resolve(this.#refuse(found, found.refusing));
    found.held++;
    return new Promise((resolve) => {
      found.waiting.push(resolve);
      if (found.waiting.length === 1) this.onWake(name);
    });
  }

  async requireFree(path: ServicePath): Promise<void> {
    const isTaken = [...this.#paths.values()].some(
      ({ path: { name, listen } }) => name !== path.name && listen.some(({ port }) => port === path.listen[0]?.port),
    );
    if (isTaken) throw new NiwaError('ADDRESS_IN_USE', 'another service has this address');
  }

  async declare(path: ServicePath): Promise<void> {
    await this.requireFree(path);
    const before = this.#paths.get(path.name);
    const fresh = { routes: [], refusing: null, waiting: [], held: 0, refused: new Map(), counts: new Map() };
    this.#paths.set(path.name, { ...(before ?? fresh), path });
  }

  async withdraw(name: string): Promise<void> {
    const found = this.#require(name);
    for (const answer of found.waiting.splice(0)) answer(this.#refuse(found, 'withdrawn'));
    this.#paths.delete(name);
  }

  async route(name: string, destinations: readonly Destination[]): Promise<void> {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    const found = this.#require(name);
    found.routes = destinations;
    this.changes.push(destinations.map(({ id }) => id));
    if (destinations.length > 0) for (const answer of found.waiting.splice(0)) answer(destinations[0]?.id ?? '');
  }

  async refuse(name: string, cause: string): Promise<void> {
    const found = this.#require(name);
    this.#failBar();
    found.refusing = cause;
    for (const answer of found.waiting.splice(0)) answer(this.#refuse(found, cause));
  }

  async accept(name: string): Promise<void> {
    const found = this.#require(name);
    this.#failBar();
    found.refusing = null;
  }

  async counts(): Promise<ReadonlyMap<string, PathCounts>> {
    return new Map(
      [...this.#paths].map(([name, { counts, held, waiting, refused }]) => {
        const connections = [...counts.values()].reduce((sum, count) => sum + count, 0);
        return [name, { connections, byInstance: counts, held, heldNow: waiting.length, refused }];
      }),
    );
  }

  addresses() {
    return [...this.#paths.values()].flatMap(({ path }) =>
      path.listen.map((listen) => ({ service: path.name, listen })),
    );
  }

  async open(): Promise<void> {
    this.isOpen = true;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  #failBar(): void {
    const { barFailure } = this;
    this.barFailure = null;
    if (barFailure !== null) throw barFailure;
  }

  #refuse(found: FakePath, cause: string): string {
    found.refused.set(cause, (found.refused.get(cause) ?? 0) + 1);
    return cause;
  }

  #require(name: string): FakePath {
    const found = this.#paths.get(name);
    if (found === undefined) throw new NiwaError('NOT_FOUND', `there is no service ${name}`);
    return found;
  }
}
