import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { cureOfShortage } from '../../host/errors.js';
import { PACKAGE_DIR } from '../../installation/directory.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import { FairPlaces } from '../../turns/fair-turns.js';
import { Turns } from '../../turns/turns.js';
import type { Ledger } from '../ledger.js';
import type { UsageQuery } from './page.js';
import type { Answer, Question, ThreadData } from './thread.js';

const THREAD = join(PACKAGE_DIR, 'dist/bundle/usage-thread.cjs');
/** How many rows a thread holds at most: about 30 MB. */
const PAGE_ROWS = 100_000;
/** Limit of the heap of a thread. Columns are outside of the heap; a thread holds those of one segment at a time. */
const HEAP_MB = 512;
/** A query ends when its client has read nothing for so long. */
const UNREAD_MS = 60_000;
/** How many queries may go on at once. Each has a thread until the client has read its last row. */
const SHARES = { root: 8, callers: 6, each: 2 };

/** The answer of a query, while its rows are being made. */
export interface UsageRows {
  /** Rows as JSON, with commas between them. The next rows are made when they are asked for. */
  texts: AsyncIterable<string>;
  /**
   * Where the limit ended the answer: the key behind which the next query goes on. null where there are no more rows.
   */
  next: string | null;
  /** How many damaged lines of the ledger are not in the sums. */
  skipped: number;
}

/**
 * Sums the ledger on threads of a low priority, one thread for each query. Only one thread works at a time; while a
 * client reads slowly, the thread of the next query works. The extracts of closed segments are kept in a directory, for
 * later queries.
 */
export class UsageSums {
  readonly #ledger: Ledger;
  readonly #directory: string;
  readonly #unreadMs: number;
  readonly #turns = new Turns(1);
  readonly #places = new FairPlaces(SHARES);

  /**
   * @param directory where the extracts of segments are kept; made when it is needed
   * @param unreadMs a query ends when its client has asked for no row for so long
   */
  constructor(ledger: Ledger, directory: string, unreadMs = UNREAD_MS) {
    this.#ledger = ledger;
    this.#directory = directory;
    this.#unreadMs = unreadMs;
  }

  /**
   * Makes the extracts that are missing, so that no query has to wait for them. Never fails: the next query tries
   * again, and tells.
   */
  async prepare(): Promise<void> {
    try {
      const thread = this.#open(null);
      await this.#sum(thread, { type: 'page', after: undefined, most: 1 }).catch(() => {});
      await thread.close();
    } catch {
      // No thread can be made now. The next query makes the extracts.
    }
  }

  /**
   * Begins to sum.
   * @param caller any name of the caller; null for root
   * @param wanted `after`: only rows whose keys are behind this key; `limit`: at most so many rows, at most 100,000
   * @param left aborted when the client has gone, or has the whole answer
   * @throws NiwaError TOO_MANY_REQUESTS, HOST_ERROR; STATE_CONFLICT where the client went while the query waited for
   * its turn
   */
  async query(
    caller: string | null,
    query: UsageQuery,
    { after, limit }: { after?: string; limit?: number },
    left: AbortSignal,
  ): Promise<UsageRows> {
    if (left.aborted) throw leftError();
    const leave = this.#places.take(caller);
    if (leave === null) throw tooManyError(caller);
    let thread: Thread | undefined;
    const end = async () => {
      left.removeEventListener('abort', end);
      leave();
      await thread?.close();
    };
    left.addEventListener('abort', end);
    try {
      thread = this.#open(query);
      const page = await this.#sum(thread, { type: 'page', after, most: limit ?? PAGE_ROWS });
      const next = limit !== undefined && page.more ? page.last : null;
      const texts = this.#texts(thread, limit === undefined ? page : { ...page, more: false }, end);
      return { texts, next, skipped: page.skipped };
    } catch (error) {
      if (left.aborted) throw leftError();
      await end();
      throw error;
    }
  }

  /** Gives the texts of the rows. Calls `end` after the last row, and also where the client asks for no more. */
  async *#texts(thread: Thread, first: Page, end: () => Promise<void>): AsyncGenerator<string> {
    let unread: NodeJS.Timeout | undefined;
    try {
      for (let page = first; ; ) {
        for (let text = await thread.rows(); text !== ''; text = await thread.rows()) {
          unread = setTimeout(end, this.#unreadMs).unref();
          yield text;
          clearTimeout(unread);
        }
        if (!page.more) return;
        page = await this.#sum(thread, { type: 'page', after: page.last ?? '', most: PAGE_ROWS });
      }
    } finally {
      clearTimeout(unread);
      await end();
    }
  }

  async #sum(thread: Thread, question: Question): Promise<Page> {
    return await this.#turns.run(async () => await thread.ask<'page'>(question));
  }

  /** @throws NiwaError HOST_ERROR where no thread can be made */
  #open(query: UsageQuery | null): Thread {
    try {
      return new Thread({ directory: this.#directory, parts: this.#ledger.parts(), query });
    } catch (error) {
      const what = `cannot make a thread that sums the ledger: ${messageOf(error)}`;
      throw new NiwaError('HOST_ERROR', `${what}; ${cureOfShortage('EAGAIN')}`, { cause: error });
    }
  }
}

type Page = Extract<Answer, { type: 'page' }>;

/** A thread that serves one query. It takes one question at a time. */
class Thread {
  readonly #worker: Worker;
  #ended = false;

  constructor(workerData: ThreadData) {
    this.#worker = new Worker(THREAD, { workerData, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    this.#worker.on('error', () => {}); // `ask` has a listener of its own, by which the caller hears of the error
    this.#worker.once('exit', () => {
      this.#ended = true;
    });
    this.#worker.unref();
  }

  /** @throws NiwaError HOST_ERROR */
  async ask<T extends Answer['type']>(question: Question): Promise<Extract<Answer, { type: T }>> {
    if (this.#ended) throw endedError(); // the thread ended while the question waited for its turn
    this.#worker.postMessage(question);
    const answer = (await this.#answer()) as Answer;
    if (answer.type === 'failed') throw new NiwaError('HOST_ERROR', `cannot sum the ledger: ${answer.message}`);
    return answer as Extract<Answer, { type: T }>;
  }

  async rows(): Promise<string> {
    return (await this.ask<'rows'>({ type: 'rows' })).text;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #answer(): Promise<unknown> {
    const over = new AbortController();
    const ended = once(this.#worker, 'exit', { signal: over.signal }).then(() => {
      throw endedError();
    });
    try {
      const [answer] = await Promise.race([once(this.#worker, 'message', { signal: over.signal }), ended]);
      return answer;
    } catch (error) {
      throw error instanceof NiwaError
        ? error
        : new NiwaError('HOST_ERROR', `cannot sum the ledger: ${messageOf(error)}`, { cause: error });
    } finally {
      over.abort();
      ended.catch(() => {});
    }
  }
}

function leftError(): NiwaError {
  return new NiwaError('STATE_CONFLICT', 'nobody waits for these sums any more');
}

function tooManyError(caller: string | null): NiwaError {
  const { root, callers, each } = SHARES;
  const most = caller === null ? `${root} by root` : `${each} by each user, ${callers} by all users but root`;
  return new NiwaError(
    'TOO_MANY_REQUESTS',
    `too many sums of usage are being made or read (${most}); read them to their end, or wait`,
  );
}

function endedError(): NiwaError {
  return new NiwaError('HOST_ERROR', 'cannot sum the ledger: the thread that does it has ended');
}
