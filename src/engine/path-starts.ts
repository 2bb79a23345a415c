import { NiwaError } from '../errors.js';
import type { Asker } from '../host/reach.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { namesHostPaths } from '../spec/host-paths.js';
import { FairTurns } from '../turns.js';

/** Those under way at once. The rest of the 16 threads is for all other starts. */
const SHARES = { root: 6, callers: 6, each: 3 };
/** So many may have left a helper that hangs, as with reach(). */
const MOST_STUCK = 4;
const MOST_STUCK_OF_ROOT = 32;

interface Account {
  open: number;
  stuck: number;
}

/**
 * Whether the start of a container may take long, and that by what its caller asked for: its boot helper may hang on a path of
 * the host, and the exec of its workload be held up by a limit of I/O or memory.high.
 */
export function mayBeSlow(spec: Spec): boolean {
  const { io, memory } = spec.resources;
  return namesHostPaths(spec) || io.length > 0 || memory.highBytes !== undefined;
}

/**
 * The starts of containers that may be slow. They are waited for on threads of Node.js's pool, which others need for theirs. A
 * path may hang in the boot helper, though niwa-reach did not.
 */
export class PathStarts {
  readonly #turns = new FairTurns(SHARES);
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
      return await this.#turns.run(isRoot ? null : asker, task);
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
    const account = this.#accounts.get(asker) ?? { open: 0, stuck: 0 };
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
