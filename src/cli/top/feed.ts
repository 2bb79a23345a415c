import { setTimeout as sleep } from 'node:timers/promises';
import { NiwaClient } from '../../client/client.js';
import type { News } from './model.js';

const RETRY_MS = 1000;
/**
 * The shortest time between two requests of the list. With a thousand containers the list has three megabytes, so it is
 * requested only after changes, and not more often than this.
 */
const LIST_EVERY_MS = 2000;

/** Gets data from niwad until it is stopped; connects again after a restart of niwad. */
export class Feed {
  readonly #socket: string;
  readonly #tell: (news: News) => void;
  readonly #stopped = new AbortController();
  #client: NiwaClient;
  #changed = true;
  #detailed: string | null = null;

  constructor(socket: string, tell: (news: News) => void) {
    this.#socket = socket;
    this.#tell = tell;
    this.#client = new NiwaClient(socket);
  }

  /** Resolves when the feed was stopped. */
  async run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#follow().catch(() => {}); // every error counts as a lost connection, which is shown, and tried again
      this.#client.close();
      if (this.#stopped.signal.aborted) return;
      this.#tell({ type: 'lost' });
      await sleep(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => {});
      this.#client = new NiwaClient(this.#socket);
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#client.close();
  }

  /** Also gets the history of this container from now on, at once and after each reading; null for no container. */
  detail(id: string | null): void {
    if (id === this.#detailed) return;
    this.#detailed = id;
    void this.#tellHistory();
  }

  async #follow(): Promise<void> {
    const client = this.#client;
    const { version } = await client.info();
    this.#tell({ type: 'connected', version });
    this.#changed = true;
    void this.#followEvents(client);
    let listed = 0;
    for await (const stats of client.streamAllStats()) {
      if (this.#changed && Date.now() - listed >= LIST_EVERY_MS) {
        [this.#changed, listed] = [false, Date.now()];
        this.#tell({ type: 'statuses', statuses: await client.list() });
        this.#tell({ type: 'services', services: await client.services() });
      }
      this.#tell({ type: 'stats', stats });
      this.#tell({ type: 'drain', drain: await client.drainStatus() });
      await this.#tellHistory();
    }
  }

  async #followEvents(client: NiwaClient): Promise<void> {
    try {
      for await (const event of client.events()) {
        this.#changed = true;
        if (event.type !== 'gap') this.#tell({ type: 'event', event });
      }
    } catch {
      // if the list fails, the readings fail too, and the loop over them connects again
    }
  }

  async #tellHistory(): Promise<void> {
    const id = this.#detailed;
    if (id === null) return;
    const points = await this.#client.history(id).catch(() => []); // the container may be forgotten already
    this.#tell({ type: 'history', id, points });
  }
}
