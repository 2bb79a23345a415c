import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_INTERVAL_MS = 1000;
/**
 * A collection is worth its time, some 20 milliseconds of the event loop, if so many bytes have been added since the
 * last one.
 */
const WORTH_BYTES = 6 * 1024 * 1024;

/**
 * Collects garbage in seconds in which nothing happens. V8 by itself waits until the heap has grown to a limit. So the
 * garbage of a thousand starts would stay in memory as long as the daemon has nothing to do.
 */
export class Collector {
  readonly #timer: NodeJS.Timeout;
  readonly #collect: () => void;
  #busy = false;
  /** How many bytes were in use after the last collection. */
  #leftBytes = 0;

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc'); // what V8 has compiled is kept for a process with the same flags
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref();
  }

  /** Something happens: no collection in this second. */
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
