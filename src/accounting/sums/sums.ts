import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { cureOfShortage, messageOf, NiwaError } from '../../errors.js';
import { PACKAGE_DIR } from '../../installation/directory.js';
import { FairPlaces, Turns } from '../../turns.js';
import type { Ledger } from '../ledger.js';
import type { UsageQuery } from './page.js';
import type { Answer, Question, ThreadData } from './thread.js';

const THREAD = join(PACKAGE_DIR, 'dist/bundle/usage-thread.cjs');
/** So many rows are in the memory of a thread: about 30 MB. */
const PAGE_ROWS = 100_000;
/** Of the heap; columns are outside of it, those of one segment at a time. */
const HEAP_MB = 512;
/** So long may a caller read nothing, before the thread of the query ends. */
const UNREAD_MS = 60_000;
/** So many queries may be under way: each has a thread until its last row is taken. */
const SHARES = { root: 8, callers: 6, each: 2 };

/** The sums of a query, while they are made. */
export interface UsageRows {
  /** JSON of rows, with commas between; the next ones are made when they are asked for. */
  texts: AsyncIterable<string>;
  /** The key to go on behind, where a limit was reached; null where nothing is left, or there was no limit. */
  next: string | null;
  /** The damaged lines of the ledger that could not be summed. */
  skipped: number;
}

/**
 * Sums the ledger on threads of a low priority, one for each query. One thread works at a time; a query whose client reads
 * slowly lets the next one work. The extracts of closed segments are kept in a directory, for the next queries.
 */
export class UsageSums {
  readonly #ledger: Ledger;
  readonly #directory: string;
  readonly #unreadMs: number;
  readonly #turns = new Turns(1);
  readonly #places = new FairPlaces(SHARES);

  /**
   * @param directory for extracts of segments; made when it is needed
   * @param unreadMs for how long the next row may not be asked for; the query is over then
   */
  constructor(ledger: Ledger, directory: string, unreadMs = UNREAD_MS) {
    this.#ledger = ledger;
    this.#directory = directory;
    this.#unreadMs = unreadMs;
  }

  /** Makes the extracts of segments that have none, so that no query has to wait for that. Never fails: a query would tell. */
  async prepare(): Promise<void> {
    try {
      const thread = this.#open(null);
      await this.#sum(thread, { type: 'page', after: undefined, most: 1 }).catch(() => {});
      await thread.close();
    } catch {
      // no thread can be made now: the next query makes the extracts
    }
  }

  /**
   * Begins to sum.
   * @param caller any name; null for root
   * @param wanted `after`: only rows whose keys are behind this one; `limit`: the most rows that are wanted, at most 100,000
   * @param left comes when nobody wants the rows any more, also when the answer was sent
   * @throws NiwaError TOO_MANY_REQUESTS, HOST_ERROR; STATE_CONFLICT where nobody wants them any more
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

  /** Gives rows; calls `end` behind the last one, and where the next one is not asked for. */
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

/** A thread, while it serves a query. It answers one question at a time. */
class Thread {
  readonly #worker: Worker;
  #ended = false;

  constructor(workerData: ThreadData) {
    this.#worker = new Worker(THREAD, { workerData, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    this.#worker.on('error', () => {}); // whoever waits for an answer hears of it
    this.#worker.once('exit', () => {
      this.#ended = true;
    });
    this.#worker.unref();
  }

  /** @throws NiwaError HOST_ERROR */
  async ask<T extends Answer['type']>(question: Question): Promise<Extract<Answer, { type: T }>> {
    if (this.#ended) throw endedError(); // while it waited for its turn
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
