import type { Asker } from '../host/reach.js';
import { NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { namesHostPaths } from '../spec/host-paths.js';
import { FairTurns } from '../turns/fair-turns.js';

/** How many slow starts run at once. The rest of the 16 threads of Node.js's pool stays free for other starts. */
const SHARES = { root: 6, callers: 6, each: 3 };
/**
 * How many hanging boot helpers a caller may leave before its next start of this kind is refused, the same as with
 * reach().
 */
const MOST_STUCK = 4;
const MOST_STUCK_OF_ROOT = 32;

interface Account {
  open: number;
  stuck: number;
}

/**
 * Whether the start of a container may occupy a thread for long because of its caller's request: the boot helper may
 * hang on a path of the host, and limits of I/O or memory.high may slow down the exec of the workload. Of an engine's
 * container it may not: the command of the engine makes the process, and no thread waits for that.
 */
export function mayBeSlow(spec: Spec): boolean {
  if (spec.oci !== undefined) return false;
  const { io, memory } = spec.resources;
  return namesHostPaths(spec) || io.length > 0 || memory.highBytes !== undefined;
}

/**
 * Takes turns for the starts that may be slow. Each start occupies a thread of Node.js's pool, and other starts need
 * these threads too. A path that niwa-reach opened may still hang in the boot helper.
 */
export class PathStarts {
  readonly #turns = new FairTurns(SHARES);
  readonly #accounts = new Map<Asker, Account>();

  /**
   * Runs a start when its turn has come.
   * @throws NiwaError TOO_MANY_REQUESTS if too many boot helpers of this asker hang
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

  /** Counts a boot helper that hangs, until the helper ends. */
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

/** The turns of this daemon. */
export const pathStarts = new PathStarts();
