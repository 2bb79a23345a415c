import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { REACH_PROGRAM } from '../kernel/programs.js';
import { NiwaError } from '../protocol/errors.js';
import { Turns } from '../turns/turns.js';
import { withResolvers } from '../turns/with-resolvers.js';
import type { Errand, Found } from './errands.js';
import { toHostError } from './errors.js';
import { foundAtOnce, learn } from './plain-paths.js';

/**
 * Touches paths that users name, in helper processes (native/reach/main.cc). A file system may never answer: FUSE, when
 * its program sleeps, or NFS, when its server is gone. A process that asks such a file system waits in the kernel,
 * often also after SIGKILL. If a thread of niwad waited there, niwad could not end. So a helper process asks. If the
 * helper hangs, niwad goes on without it; the helper ends when the file system answers.
 */

/**
 * How long an errand may take. A file system that answers at all does so in this time, also when a disk has to spin up
 * or be mounted.
 */
const PATIENCE_MS = 5000;
/** How many helpers work at the same time for one asker. An errand takes some ten microseconds. */
const AT_ONCE = 4;
/** When an errand takes longer than this, the next errand of the asker may begin beside it. */
const SLOW_MS = 50;
/**
 * How many further helpers of an asker may be slow or hang, each on another path. Root has more, since it asks for all
 * customers.
 */
const MOST_HUNG = 4;
const MOST_HUNG_OF_ROOT = 32;
/**
 * How many helpers without work are kept for the next errand: as many as one asker lets work at the same time. With
 * fewer, each wave of starts would end some and begin others, and to fork niwad takes longer than all errands of a
 * start.
 */
const IDLE = AT_ONCE;
const HEAD_BYTES = 8;

/**
 * On whose behalf a path is touched. Each asker has its own limit of helpers that hang, so one asker cannot use up that
 * of another.
 */
export type Asker = `user ${number}` | `container ${string}` | 'the configuration';

interface Account {
  turns: Turns;
  /** How many errands are under way and helpers hang. */
  open: number;
  slow: number;
  hung: number;
  most: number;
}

const accounts = new Map<Asker, Account>();
/** The paths on which a helper hangs, each with the time since when. */
const hungPaths = new Map<string, Date>();
const idle: Helper[] = [];

/**
 * Does errands: at once where no file system has to be asked, the others in a helper, one after another.
 * @param asker on whose behalf: only so many paths of each asker may hang
 * @returns the result of each errand, in the same order
 * @throws NiwaError PATH_TIMEOUT where a path does not answer, TOO_MANY_REQUESTS where too many paths of this asker
 * hang; HOST_ERROR
 */
export async function reach(asker: Asker, errands: readonly Errand[]): Promise<Found[]> {
  const known = errands.map((errand) => (hungPaths.has(errand[1]) ? null : foundAtOnce(errand)));
  const others = errands.filter((_, i) => known[i] === null);
  if (others.length === 0) return known as Found[];
  const asked = await ask(asker, others);
  learn(others, asked);
  const answers = asked.values();
  return known.map((found) => found ?? (answers.next().value as Found));
}

async function ask(asker: Asker, errands: readonly Errand[]): Promise<Found[]> {
  const account = accounts.get(asker) ?? newAccount(asker);
  accounts.set(asker, account);
  account.open++;
  try {
    const { done } = await account.turns.run(() => begin(asker, account, errands));
    return await done;
  } finally {
    close(asker, account);
  }
}

function newAccount(asker: Asker): Account {
  return {
    turns: new Turns(AT_ONCE),
    open: 0,
    slow: 0,
    hung: 0,
    most: asker === 'user 0' ? MOST_HUNG_OF_ROOT : MOST_HUNG,
  };
}

function close(asker: Asker, account: Account): void {
  if (--account.open === 0) accounts.delete(asker);
}

/** Begins errands. Resolves when the next errands of this asker may begin; `done` resolves with the results. */
async function begin(asker: Asker, account: Account, errands: readonly Errand[]): Promise<{ done: Promise<Found[]> }> {
  for (const [, path] of errands) refuseHung(path);
  if (account.hung >= account.most)
    throw new NiwaError(
      'TOO_MANY_REQUESTS',
      `${account.hung} paths that were named by ${asker} do not answer: no more are tried until their file systems answer, or are unmounted (umount -f)`,
    );
  const { promise: next, resolve: tell } = withResolvers<void>();
  let isCounted = false;
  const slow = () => {
    if (account.slow >= account.most) return; // the next errands wait for the end of these
    account.slow++;
    isCounted = true;
    tell();
  };
  const done = run(asker, account, errands, slow);
  const over = () => {
    if (isCounted) account.slow--;
    tell();
  };
  done.then(over, over);
  await next;
  return { done };
}

async function run(asker: Asker, account: Account, errands: readonly Errand[], onSlow: () => void): Promise<Found[]> {
  const helper = idle.pop() ?? new Helper();
  const found = await helper.run(errands, onSlow);
  const path = errands[found.length]?.[1];
  if (path === undefined) {
    if (idle.length < IDLE) idle.push(helper);
    else helper.end();
    return found;
  }
  account.open++;
  account.hung++;
  hungPaths.set(path, new Date());
  void helper.kill().then(() => {
    account.hung--;
    hungPaths.delete(path);
    close(asker, account);
  });
  throw pathTimeout(path, `has not answered for ${PATIENCE_MS / 1000} s`);
}

function refuseHung(path: string): void {
  const since = hungPaths.get(path);
  if (since !== undefined) throw pathTimeout(path, `has not answered since ${since.toISOString()}`);
}

function pathTimeout(path: string, how: string): NiwaError {
  return new NiwaError(
    'PATH_TIMEOUT',
    `${path} ${how}: its file system hangs (a FUSE program or a server that is gone). Bring it back, unmount it (umount -f), or name another path.`,
  );
}

/** One process niwa-reach. It ends when niwad ends. It keeps the event loop of niwad alive only during an errand. */
class Helper {
  readonly #process: ChildProcess;
  readonly #gone: Promise<unknown>;
  #bytes = Buffer.alloc(0);
  #tell: (() => void) | undefined;
  #fault: unknown;

  constructor() {
    this.#process = spawn(REACH_PROGRAM, ['serve'], { cwd: '/', env: {}, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#gone = once(this.#process, 'exit').catch(() => {});
    this.#process.once('error', (error) => this.#fail(error));
    this.#process.stdin?.on('error', (error) => this.#fail(error));
    this.#process.stdout
      ?.on('data', (bytes: Buffer) => this.#hear(bytes))
      .once('end', () => this.#fail('it has ended'));
    this.#process.unref();
    this.#hold(false);
  }

  /**
   * Does errands.
   * @param onSlow called once where they take longer than {@link SLOW_MS}
   * @returns the results; fewer than errands where one was not answered in time
   * @throws NiwaError HOST_ERROR
   */
  async run(errands: readonly Errand[], onSlow: () => void): Promise<Found[]> {
    const found: Found[] = [];
    this.#hold(true);
    this.#process.stdin?.write(Buffer.concat(errands.map(encode)));
    const begun = performance.now();
    let patienceMs = SLOW_MS;
    while (found.length < errands.length) {
      const next = this.#take();
      if (next !== undefined) found.push(next);
      else if (this.#fault !== undefined) throw this.#broken();
      else if (await this.#news(begun + patienceMs - performance.now())) continue;
      else if (patienceMs === PATIENCE_MS) break;
      else {
        patienceMs = PATIENCE_MS;
        onSlow();
      }
    }
    this.#hold(false);
    return found;
  }

  /** Closes the helper's input; the helper then ends by itself. */
  end(): void {
    this.#process.stdin?.end();
  }

  /** Kills the helper. Resolves when the process has gone: if it hangs, that is when the file system answers. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    this.#process.stdin?.destroy();
    this.#process.stdout?.destroy();
    await this.#gone;
  }

  #hear(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#tell?.();
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    this.#tell?.();
  }

  #broken(): NiwaError {
    this.#process.kill('SIGKILL');
    return (
      toHostError(this.#fault) ?? new NiwaError('HOST_ERROR', `${REACH_PROGRAM} failed: ${this.#fault}; try again`)
    );
  }

  /** Takes the first complete answer out of the bytes read so far; gives undefined where none is complete. */
  #take(): Found | undefined {
    if (this.#bytes.length < HEAD_BYTES) return undefined;
    const end = HEAD_BYTES + this.#bytes.readUInt32LE(0);
    if (this.#bytes.length < end) return undefined;
    const found = { errno: this.#bytes.readUInt32LE(4), body: this.#bytes.subarray(HEAD_BYTES, end) };
    this.#bytes = this.#bytes.subarray(end);
    return found;
  }

  /** Waits until more bytes or an error come; gives false where nothing comes in time. */
  #news(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), Math.max(0, timeoutMs));
      this.#tell = () => {
        clearTimeout(late);
        resolve(true);
      };
    });
  }

  /** Says whether the helper keeps the event loop of niwad alive. */
  #hold(on: boolean): void {
    for (const stream of [this.#process.stdin, this.#process.stdout]) {
      const handle = stream as { ref?(): void; unref?(): void } | null;
      if (on) handle?.ref?.();
      else handle?.unref?.();
    }
  }
}

/** Writes an errand as bytes. Numbers are little-endian, as on x86-64 and arm64, the machines that niwa runs on. */
function encode(errand: Errand): Buffer {
  const words = Buffer.from(errand.map((word) => `${word}\0`).join(''));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(words.length);
  return Buffer.concat([head, words]);
}
