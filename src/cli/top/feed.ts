import { setTimeout as sleep } from 'node:timers/promises';
import { NiwaClient } from '../../client/client.js';
import type { News } from './model.js';

const RETRY_MS = 1000;
/** The list of a thousand containers is three megabytes: it is asked for when something has changed, and not more often. */
const LIST_EVERY_MS = 2000;

/** Brings news from niwad, through its restarts, until it is stopped. */
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

  /** Resolves when it has been stopped. */
  async run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#follow().catch(() => {}); // whatever it was: niwad does not answer, which is told and tried again
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

  /** From now on also brings the history of this container, at once and with each reading. */
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
      // it ends with the readings, which notice it too
    }
  }

  async #tellHistory(): Promise<void> {
    const id = this.#detailed;
    if (id === null) return;
    const points = await this.#client.history(id).catch(() => []); // it may be forgotten by now
    this.#tell({ type: 'history', id, points });
  }
}
