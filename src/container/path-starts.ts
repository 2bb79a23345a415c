import { NiwaError } from '../errors.js';
import type { Asker } from '../host/reach.js';
import { Turns } from '../turns.js';

/** So many may be under way at once for one caller, for all callers together, and for root. The rest of the 16 threads is for all others. */
const OF_ONE = 3;
const OF_CALLERS = 6;
const OF_ROOT = 6;
/** So many may have left a helper that hangs, as with reach(). */
const MOST_STUCK = 4;
const MOST_STUCK_OF_ROOT = 32;

interface Account {
  turns: Turns;
  open: number;
  stuck: number;
}

/**
 * The starts of containers that name paths of the host. Their boot helper may hang on one, though niwa-reach did not: it is
 * waited for on a thread of Node.js's pool, which others need for theirs.
 */
export class PathStarts {
  readonly #root = new Turns(OF_ROOT);
  readonly #callers = new Turns(OF_CALLERS);
  readonly #accounts = new Map<Asker, Account>();

  /**
   * Runs a start when it is its turn.
   * @throws NiwaError TOO_MANY_REQUESTS where too many helpers of this asker hang
   */
  async run<T>(asker: Asker, start: () => Promise<T>): Promise<T> {
    const isRoot = asker === 'user 0';
    const account = this.#open(asker);
    const task = async () => {
      if (account.stuck >= (isRoot ? MOST_STUCK_OF_ROOT : MOST_STUCK))
        throw new NiwaError(
          'TOO_MANY_REQUESTS',
          `${account.stuck} starts of ${asker} hang on paths that do not answer: no more of this kind are tried until their file systems answer, or are unmounted (umount -f)`,
        );
      return start();
    };
    try {
      return await (isRoot ? this.#root.run(task) : account.turns.run(() => this.#callers.run(task)));
    } finally {
      this.#close(asker, account);
    }
  }

  /** Counts a helper that hangs, until its end. */
  stuck(asker: Asker, end: Promise<void>): void {
    const account = this.#open(asker);
    account.stuck++;
    void end.then(() => {
      account.stuck--;
      this.#close(asker, account);
    });
  }

  #open(asker: Asker): Account {
    const account = this.#accounts.get(asker) ?? { turns: new Turns(OF_ONE), open: 0, stuck: 0 };
    this.#accounts.set(asker, account);
    account.open++;
    return account;
  }

  #close(asker: Asker, account: Account): void {
    if (--account.open === 0) this.#accounts.delete(asker);
  }
}

/** Those of this daemon. */
export const pathStarts = new PathStarts();
