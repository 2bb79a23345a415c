import { pino } from 'pino';
import { type Caller, ROOT } from '../../../src/access/allowed.js';
import { Membership } from '../../../src/access/membership.js';
import type { Ahead } from '../../../src/containers/operations/ahead.js';
import type { Container } from '../../../src/engine/container.js';
import type { Wish } from '../../../src/pools/stock.js';
import type { StocksParts } from '../../../src/pools/stocks.js';

const log = pino({ level: 'silent' });
const HOUR_USEC = 3600e6;

/** Containers that are made ahead without a kernel, and a clock that a test moves. */
export class FakeContainers {
  isDraining = false;
  readonly making = 0;
  nowUsec = HOUR_USEC;
  /** The ids of those that were thrown away, and of those that were made in the usual way. */
  readonly thrownAway: string[] = [];
  readonly ran: string[] = [];
  /** Why those that wait are unfit. Throws where the host cannot tell. */
  unfit: (id: string) => string | null = () => null;
  /** What is waited for before a container is made; it may throw. */
  before: (id: string) => Promise<void> = async () => {};
  readonly #ends = new Map<string, (reason: string) => void>();

  /** Ends a container that waits. */
  async end(id: string | undefined, reason: string): Promise<void> {
    this.#ends.get(id ?? '')?.(reason);
    await new Promise(setImmediate);
  }

  /** The ids of those that were made ahead, and are neither started nor thrown away. */
  get waiting(): string[] {
    return [...this.#ends.keys()];
  }

  /** What stocks use. */
  parts(settings: Partial<StocksParts> = {}): StocksParts {
    return {
      containers: this as unknown as StocksParts['containers'],
      membership: new Membership(null),
      clock: () => this.nowUsec,
      ...{ readyPerUser: 8, maxAgeUsec: HOUR_USEC, log },
      ...settings,
    };
  }

  readonly makeAhead = async ({ id }: { id: string }): Promise<Ahead> => {
    await this.before(id);
    const exited = new Promise<{ reason: string }>((resolve) =>
      this.#ends.set(id, (reason) => {
        this.#ends.delete(id);
        resolve({ reason });
      }),
    );
    return { container: { id, exited } } as unknown as Ahead;
  };
  readonly whyUnfit = async ({ container }: Ahead) => this.unfit(container.id);
  readonly startAhead = async ({ container }: Ahead) => {
    this.#ends.delete(container.id);
    return container;
  };
  readonly throwAway = async ({ container: { id } }: Ahead) => {
    this.thrownAway.push(id);
    await this.end(id, 'stopped');
  };
  readonly run = async ({ id }: { id: string }) => {
    this.ran.push(id);
    return { id } as Container;
  };
}

/** What a test wants to have ready; the ids are NAME-1, NAME-2 and so on. */
export function wishOf(name: string, caller: Caller = ROOT): Wish {
  let made = 0;
  return {
    ...{ caller, isListed: false, service: null },
    newId: () => `${name}-${++made}`,
    specOf: (id) => ({ id, process: { args: ['true'] } }),
  };
}
