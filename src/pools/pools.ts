import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type Caller, nameForTurns } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Runtime } from '../containers/runtime.js';
import type { Container } from '../engine/container.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { PoolStatus, PoolTemplateInput } from '../protocol/pools.js';
import { parsePool, poolSpec } from '../spec/pool.js';
import { LoopTurns } from '../turns/loop-turns.js';
import type { Stock, Wish } from './stock.js';
import type { Stocks } from './stocks.js';
import type { DeclaredPool, PoolStore } from './store.js';

const RANDOM_ID_BYTES = 3;

/** What pools use of the daemon. */
export interface PoolsParts {
  containers: Pick<Runtime, 'policy' | 'plan' | 'has'>;
  stocks: Stocks;
  store: PoolStore;
  membership: Membership;
  /** How many pools each caller but root may have. */
  perUser: number;
  log: Logger;
}

interface Pool {
  declared: DeclaredPool;
  stock: Stock;
}

/** The pools of a node. Only the user who has made a pool, and root, see it and start its containers. */
export class Pools {
  readonly #parts: PoolsParts;
  readonly #pools = new Map<string, Pool>();
  /** Making and removing a pool syncs its file to disk. */
  readonly #changing = new LoopTurns();

  constructor(parts: PoolsParts) {
    this.#parts = parts;
  }

  /** Takes over the pools of the earlier niwad, whose containers are made anew. @throws NiwaError HOST_ERROR */
  async open(): Promise<void> {
    const { store, log } = this.#parts;
    const { whole, damaged } = await store.load();
    for (const { name, reason, file } of damaged)
      log.error({ pool: name, reason, file }, 'the file of a pool is damaged: the pool is gone; create it again');
    for (const declared of whole) this.#put(declared);
  }

  /**
   * Makes a pool, or changes the one of this name that the caller has. The template is compiled as a start would do it,
   * so that what could never start is refused now.
   * @throws NiwaError FORBIDDEN, SPEC_INVALID, ID_IN_USE, NOT_FOUND, HOST_UNSUPPORTED, HOST_ERROR; nothing is changed
   */
  async create(caller: Caller, input: unknown): Promise<PoolStatus> {
    const { containers, store, membership } = this.#parts;
    containers.policy.require('createPool', caller);
    const pool = parsePool(input);
    await containers.plan(poolSpec(pool.template, `${pool.name}-plan`), caller);
    const isListed = await membership.has(caller);
    return await this.#changing.run(nameForTurns(caller), () => {
      this.#requireAllowed(caller, pool.name, pool.ahead);
      const { uid, gid } = caller;
      const createdAt = this.#pools.get(pool.name)?.declared.createdAt ?? new Date().toISOString();
      const declared = { input: pool, caller: { uid, gid, isListed }, createdAt };
      store.save(declared);
      return statusOf(this.#put(declared));
    });
  }

  /** The pools that a caller sees, in the order of their names. */
  list({ uid }: Caller): PoolStatus[] {
    const seen = [...this.#pools.values()].filter(({ declared }) => uid === 0 || uid === declared.caller.uid);
    return seen.map(statusOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws NiwaError NOT_FOUND */
  get(caller: Caller, name: string): PoolStatus {
    return statusOf(this.#find(caller, name));
  }

  /** The templates of all pools, with their names. */
  templates(): { name: string; template: PoolTemplateInput }[] {
    return [...this.#pools.values()].map(({ declared: { input } }) => ({ name: input.name, template: input.template }));
  }

  /**
   * Removes a pool, and ends what it has ready; containers that were started go on.
   * @throws NiwaError FORBIDDEN, NOT_FOUND, HOST_ERROR
   */
  async remove(caller: Caller, name: string): Promise<void> {
    const { containers, store, stocks } = this.#parts;
    containers.policy.require('removePool', caller);
    const stock = await this.#changing.run(nameForTurns(caller), () => {
      const found = this.#find(caller, name);
      try {
        store.remove(name);
      } catch (cause) {
        throw new NiwaError('HOST_ERROR', `cannot remove pool ${name}: ${messageOf(cause)}`, { cause });
      }
      this.#pools.delete(name);
      return found.stock;
    });
    await stocks.remove(stock); // beside the changes of other pools: the ends may take seconds
  }

  /**
   * Starts a container of a pool: one that is ready, or a new one.
   * @throws NiwaError FORBIDDEN, NOT_FOUND, and the errors of a create and of a start
   */
  async start(caller: Caller, name: string): Promise<Container> {
    this.#parts.containers.policy.require('startFromPool', caller);
    const { declared, stock } = this.#find(caller, name);
    const { uid, isListed } = declared.caller;
    // the kernel has just said that the caller is a member; of another user that has to be asked
    if (caller.uid !== uid) await this.#parts.membership.requireStill(declared.caller, isListed);
    return await stock.start(stock.take());
  }

  #put(declared: DeclaredPool): Pool {
    const { name, ahead } = declared.input;
    const before = this.#pools.get(name);
    const stock = before?.stock ?? this.#parts.stocks.add(`pool ${name}`);
    const isSame = before !== undefined && isDeepStrictEqual(madeOf(before.declared), madeOf(declared));
    const pool = { declared, stock };
    this.#pools.set(name, pool);
    stock.want(ahead, isSame && stock.wish !== null ? stock.wish : this.#wishOf(declared));
    return pool;
  }

  #wishOf({ input: { name, template }, caller: { uid, gid, isListed } }: DeclaredPool): Wish {
    return {
      caller: { uid, gid, role: 'full' },
      isListed,
      service: null,
      newId: () => this.#freeId(name),
      specOf: (id) => poolSpec(template, id),
    };
  }

  #freeId(name: string): string {
    for (;;) {
      const id = `${name}-${randomBytes(RANDOM_ID_BYTES).toString('hex')}`;
      if (!this.#parts.containers.has(id)) return id;
    }
  }

  /** @throws NiwaError NOT_FOUND, also for the pool of another user */
  #find({ uid }: Caller, name: string): Pool {
    const pool = this.#pools.get(name);
    if (pool !== undefined && (uid === 0 || uid === pool.declared.caller.uid)) return pool;
    throw new NiwaError('NOT_FOUND', `there is no pool ${name}`);
  }

  #requireAllowed(caller: Caller, name: string, ahead: number): void {
    const { perUser, stocks } = this.#parts;
    const known = this.#pools.get(name);
    if (known !== undefined && known.declared.caller.uid !== caller.uid)
      throw new NiwaError('ID_IN_USE', `another user has a pool ${name}: take another name`);
    const own = [...this.#pools.values()].filter(({ declared }) => declared.caller.uid === caller.uid);
    if (caller.uid !== 0 && known === undefined && own.length >= perUser)
      throw new NiwaError(
        'FORBIDDEN',
        `user ${caller.uid} has ${own.length} pools, and may not have more: "pools: {perUser}" of niwad's configuration says how many`,
      );
    stocks.requireRoom(caller, ahead, known?.stock ?? null);
  }
}

/** What containers of a pool are made of: where it is the same, those that are ready stay. */
function madeOf({ input, caller }: DeclaredPool): unknown {
  return { template: input.template, caller };
}

function statusOf({ declared: { input, caller, createdAt }, stock }: Pool): PoolStatus {
  const { name, template } = input;
  return { name, uid: caller.uid, created_at: createdAt, ...stock.status, template };
}
