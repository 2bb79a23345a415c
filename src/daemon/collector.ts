import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_INTERVAL_MS = 1000;
/** What is worth a collection: it holds up the event loop for some 20 milliseconds. */
const WORTH_BYTES = 6 * 1024 * 1024;

/**
 * Collects garbage in quiet seconds. V8 itself waits until the heap has grown to a limit of its own: what a thousand starts
 * leave behind would stay with a daemon that has nothing more to do.
 */
export class Collector {
  readonly #timer: NodeJS.Timeout;
  readonly #collect: () => void;
  #busy = false;
  /** What was in use after the last collection. */
  #leftBytes = 0;

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as () => void;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref();
  }

  /** Something is happening: this second is no quiet one. */
  wait(): void {
    this.#busy = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#busy && usedBytes() - this.#leftBytes > WORTH_BYTES) {
      this.#collect();
      this.#leftBytes = usedBytes();
    }
    this.#busy = false;
  }
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}
