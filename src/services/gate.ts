import type { Paths, ServicePath } from '../network/services/types.js';
import { Turns } from '../turns/turns.js';
import type { RefuseCause } from './decide/types.js';
import { areSameRoutes, NO_ROUTES, type Routes } from './routes.js';

/**
 * What one service wants of the data path: its addresses, its routes, and whether requests are refused. One change is
 * under way at a time. Routes that are wanted meanwhile are set in the next one, so that an instance and its successor
 * change places in one transaction. What the data path has refused is tried again by {@link retry}.
 */
export class Gate {
  readonly #name: string;
  readonly #paths: Paths;
  readonly #complain: (what: string, error: unknown) => void;
  readonly #turns = new Turns(1);
  #path: ServicePath | null = null;
  #isDeclared = false;
  #wanted: Routes = NO_ROUTES;
  #areRouted = true;
  #refusing: RefuseCause | null = null;
  /** Whether the data path knows {@link refusing}. */
  #isBarSet = true;
  #isRetrying = false;

  constructor(name: string, paths: Paths, complain: (what: string, error: unknown) => void) {
    this.#name = name;
    this.#paths = paths;
    this.#complain = complain;
  }

  /** Why requests are refused; null where they are not. */
  get refusing(): RefuseCause | null {
    return this.#refusing;
  }

  /** Opens addresses, or changes them. @throws the errors of {@link Paths.declare}; then the addresses are as before */
  async declare(path: ServicePath): Promise<void> {
    await this.#turns.run(() => this.#paths.declare(path));
    this.#path = path;
    this.#isDeclared = true;
  }

  /** Keeps the addresses of an earlier niwad; where that fails, it is tried again. */
  async keep(path: ServicePath): Promise<void> {
    this.#path = path;
    await this.retry();
  }

  /** The data path has lost the addresses: they are opened again by {@link retry}. */
  lose(): void {
    this.#isDeclared = false;
  }

  /** Closes the addresses, and refuses what is held. @throws the errors of {@link Paths.withdraw} */
  async withdraw(): Promise<void> {
    await this.#turns.run(async () => {
      await this.#paths.withdraw(this.#name);
      this.#isDeclared = false;
      this.#path = null;
      this.#wanted = NO_ROUTES;
      this.#areRouted = true;
      this.#refusing = null;
      this.#isBarSet = true;
    });
  }

  /** Sets the routes. Resolves when these or later ones are in force; gives false where the data path refused them. */
  async route(routes: Routes): Promise<boolean> {
    const isSame = areSameRoutes(this.#wanted, routes);
    if (this.#areRouted && isSame) return true;
    if (!isSame) this.#wanted = routes;
    this.#areRouted = false;
    return await this.#turns.run(() => this.#setRoutes());
  }

  /** Refuses what is held, and new requests until {@link accept}. */
  async refuse(cause: RefuseCause): Promise<void> {
    this.#refusing = cause;
    await this.#bar(cause);
  }

  /** New requests may wake the service again. */
  async accept(): Promise<void> {
    this.#refusing = null;
    await this.#bar(null);
  }

  /** Tries again what the data path has refused; one attempt at a time. */
  async retry(): Promise<void> {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    await this.#retry().finally(() => {
      this.#isRetrying = false;
    });
  }

  async #retry(): Promise<void> {
    const path = this.#path;
    if (!this.#isDeclared && path !== null) {
      await this.#try('its addresses cannot be opened', async () => {
        await this.#paths.declare(path);
        this.#isDeclared = true;
        this.#areRouted = areSameRoutes(this.#wanted, NO_ROUTES);
        this.#isBarSet = this.#refusing === null;
      });
    }
    if (!this.#isBarSet) await this.#bar(this.#refusing);
    if (!this.#areRouted) await this.#turns.run(() => this.#setRoutes());
  }

  /** Addresses that are not open hold nothing: there is nothing to refuse. */
  async #bar(cause: RefuseCause | null): Promise<void> {
    await this.#try(`requests cannot be ${cause === null ? 'accepted' : 'refused'}`, async () => {
      if (!this.#isDeclared) return;
      this.#isBarSet = false;
      await (cause === null ? this.#paths.accept(this.#name) : this.#paths.refuse(this.#name, cause));
      this.#isBarSet = cause === this.#refusing;
    });
  }

  async #setRoutes(): Promise<boolean> {
    if (!this.#isDeclared) return false;
    while (!this.#areRouted) {
      const wanted = this.#wanted;
      try {
        await this.#paths.route(this.#name, wanted.routed, wanted.unrouted);
      } catch (error) {
        this.#complain('its routes cannot be set', error);
        return false;
      }
      this.#areRouted = wanted === this.#wanted;
    }
    return true;
  }

  async #try(what: string, act: () => Promise<void>): Promise<void> {
    await this.#turns.run(act).catch((error: unknown) => this.#complain(what, error));
  }
}
