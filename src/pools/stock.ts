import type { Logger } from 'pino';
import { type Caller, nameForTurns } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Ahead } from '../containers/operations/ahead.js';
import type { Runtime } from '../containers/runtime.js';
import type { Container } from '../engine/container.js';
import { messageOf } from '../protocol/errors.js';
import type { StockStatus } from '../protocol/pools.js';
import type { InstanceOf } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import { Backoff } from './backoff.js';
import type { Filler } from './filler.js';

/** What the containers of a stock are made of, and with whose rights; another object is another template. */
export interface Wish {
  caller: Caller;
  /** Whether the files of this machine named the caller as a member of niwad's group when this was wished. */
  isListed: boolean;
  /** The service of which they will be instances; null for those of a pool. */
  service: InstanceOf | null;
  /** Gives an id that no container has. */
  newId(): string;
  specOf(id: string): SpecInput;
}

/** What a stock uses. */
export interface StockParts {
  containers: Pick<Runtime, 'makeAhead' | 'whyUnfit' | 'startAhead' | 'throwAway' | 'run' | 'isDraining'>;
  membership: Pick<Membership, 'requireStill'>;
  filler: Filler;
  /** How long a container waits at most; then it is replaced. */
  maxAgeUsec: number;
  /** Now in microseconds of CLOCK_BOOTTIME. */
  clock(): number;
  log: Logger;
}

interface Ready extends Ahead {
  wish: Wish;
  madeUsec: number;
}

/** A start that has begun: the id of its container, and the container, where one was ready. */
export interface Place {
  id: string;
  ready: Ready | null;
}

const NO_COUNTS = { taken: 0, missed: 0, thrown_away: 0 };

/** Keeps a number of containers of one template ready: each is started once, and then another one is made. */
export class Stock {
  readonly #name: string;
  readonly #parts: StockParts;
  readonly #ready: Ready[] = [];
  readonly #counts = { ...NO_COUNTS };
  #wanted = 0;
  #wish: Wish | null = null;
  readonly #backoff = new Backoff();
  #isFilling = false;
  /** The container that is being made, or was made last. */
  #making: Promise<void> = Promise.resolve();
  #isTending = false;
  #isClosed = false;

  /** @param name for the log */
  constructor(name: string, parts: StockParts) {
    this.#name = name;
    this.#parts = parts;
  }

  get status(): StockStatus {
    return { wanted: this.#wanted, ready: this.#ready.length, ...this.#counts, last_failure: this.#backoff.last };
  }

  get wanted(): number {
    return this.#wanted;
  }

  get wish(): Wish | null {
    return this.#wish;
  }

  /** Says how many containers have to be ready, and of what; those of another wish are thrown away. */
  want(wanted: number, wish: Wish): void {
    if (wish !== this.#wish) this.#backoff.succeed();
    this.#wanted = wanted;
    this.#wish = wish;
    for (const one of [...this.#ready]) if (one.wish !== wish) this.#discard(one, 'its template has changed');
    for (const one of this.#ready.slice(wanted)) this.#discard(one, 'fewer are wanted');
    this.#fill();
  }

  /** Takes the container that has waited longest, for {@link start} or {@link giveUp}: one of them has to follow. */
  take(): Place {
    const ready = this.#ready.shift() ?? null;
    return { id: ready?.container.id ?? (this.#wish as Wish).newId(), ready };
  }

  /**
   * Starts what was taken. One that a create would make differently now is thrown away, and a container of the same id
   * is made in the usual way, as where none was ready.
   * @throws NiwaError the errors of a create and of a start
   */
  async start({ id, ready }: Place): Promise<Container> {
    const { filler } = this.#parts;
    try {
      return await filler.first(() => this.#startFirst(id, ready));
    } finally {
      this.#fill();
    }
  }

  /** Throws away what was taken, whose start is refused before it has begun. */
  giveUp({ ready }: Place): void {
    if (ready !== null) this.#throwAway(ready, 'its start was refused');
    this.#fill();
  }

  /** The work of each second: replaces those that are too old, or would be made differently now. */
  async tend(): Promise<void> {
    if (this.#isTending) return;
    this.#isTending = true;
    for (const { madeUsec } of this.#ready) this.#backoff.hearWaiting(madeUsec, this.#parts.clock());
    for (let oldest = this.#ready[0]; oldest !== undefined; oldest = this.#ready[0]) {
      const why = await this.#whyOver(oldest);
      if (why === null) break;
      this.#discard(oldest, why);
    }
    this.#isTending = false;
    this.#fill();
  }

  /**
   * Makes no more, and ends those that are ready; resolves when they are forgotten. What others have made ahead is not
   * waited for.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ready = this.#ready.splice(0);
    await Promise.all([this.#making.catch(() => {}), ...ready.map((one) => this.#parts.containers.throwAway(one))]);
  }

  async #startFirst(id: string, ready: Ready | null): Promise<Container> {
    const { containers } = this.#parts;
    if (ready !== null) {
      const isSame = ready.wish === this.#wish;
      const why = isSame ? await containers.whyUnfit(ready).catch(messageOf) : 'its template has changed';
      if (why === null) {
        this.#counts.taken++;
        this.#backoff.succeed();
        return await containers.startAhead(ready);
      }
      this.#tellThrownAway(ready, why);
      await containers.throwAway(ready); // its id is used again
    }
    if (this.#wanted > 0) this.#counts.missed++;
    const { caller, service, specOf } = this.#wish as Wish;
    return await containers.run(specOf(id), caller, service);
  }

  async #whyOver({ wish, madeUsec, ...ahead }: Ready): Promise<string | null> {
    const { containers, clock, maxAgeUsec } = this.#parts;
    if (clock() - madeUsec >= maxAgeUsec) return 'it is too old';
    return await containers.whyUnfit(ahead).catch(() => null); // the host cannot tell now: it is asked again
  }

  /** Throws a waiting container away, if nobody has taken it meanwhile. */
  #discard(one: Ready, why: string): void {
    const at = this.#ready.indexOf(one);
    if (at === -1) return;
    this.#ready.splice(at, 1);
    this.#throwAway(one, why);
  }

  #throwAway(one: Ready, why: string): void {
    this.#tellThrownAway(one, why);
    void this.#parts.containers.throwAway(one);
  }

  #tellThrownAway({ container: { id } }: Ready, why: string): void {
    this.#counts.thrown_away++;
    this.#parts.log.info({ of: this.#name, id, why }, 'a container that was made ahead is thrown away');
  }

  get #lacks(): boolean {
    const { containers, filler, clock } = this.#parts;
    if (!filler.isOpen || this.#isClosed || this.#wish === null || containers.isDraining) return false;
    return this.#ready.length < this.#wanted && !this.#backoff.isPausing(clock());
  }

  #fill(): void {
    if (this.#isFilling || !this.#lacks) return;
    this.#isFilling = true;
    void this.#fillUp().finally(() => {
      this.#isFilling = false;
    });
  }

  async #fillUp(): Promise<void> {
    try {
      while (this.#lacks) {
        const { caller } = this.#wish as Wish;
        const make = async () => {
          if (!this.#lacks) return;
          this.#making = this.#make(this.#wish as Wish);
          await this.#making;
        };
        await this.#parts.filler.fill(nameForTurns(caller), make, () => this.#ready.length === 0);
      }
    } catch (error) {
      if (!this.#isClosed && !this.#parts.containers.isDraining) this.#fail(messageOf(error));
    }
  }

  async #make(wish: Wish): Promise<void> {
    const { containers, membership, clock } = this.#parts;
    const { caller, isListed, service } = wish;
    await membership.requireStill(caller, isListed);
    const id = wish.newId();
    const ahead = await containers.makeAhead({ ...wish.specOf(id), id }, caller, service);
    const isWanted = !this.#isClosed && wish === this.#wish && this.#ready.length < this.#wanted;
    if (!isWanted) return await containers.throwAway(ahead);
    const ready = { ...ahead, wish, madeUsec: clock() };
    this.#ready.push(ready);
    void ahead.container.exited.then(({ reason }) => this.#hearEnd(ready, reason));
  }

  /** A container has ended while it waited: a user has removed it, or something has killed it. */
  #hearEnd(ready: Ready, reason: string): void {
    const at = this.#ready.indexOf(ready);
    if (at === -1) return;
    this.#ready.splice(at, 1);
    if (reason !== 'stopped') this.#fail(`container ${ready.container.id} has ended while it waited: ${reason}`);
    this.#fill();
  }

  /** Nothing is made for a while, see {@link Backoff}; {@link tend} goes on then. */
  #fail(message: string): void {
    this.#backoff.fail(message, this.#parts.clock());
    const { count } = this.#backoff;
    this.#parts.log.warn({ of: this.#name, failures: count }, `no container can be made ahead: ${message}`);
  }
}
