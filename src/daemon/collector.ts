import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { measureMemory } from 'node:vm';

const LOOK_INTERVAL_MS = 1000;
/** A collection is worth its processor time if so many bytes have been added since the last one. */
const WORTH_BYTES = 6 * 1024 * 1024;
/** The heap is compacted where it has grown by so many bytes since the last time. */
const WORTH_COMPACTING_BYTES = 8 * 1024 * 1024;

/**
 * Collects garbage in seconds in which nothing happens. V8 by itself waits until the heap has grown to a limit. So the
 * garbage of a thousand starts would stay in memory as long as the daemon has nothing to do.
 */
export class Collector {
  readonly #timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref();
  #busy = false;
  /** The size of the heap after it was last compacted. */
  #compactBytes = 0;
  /** How many bytes were in use after the last collection. */
  #leftBytes = 0;

  /** Something happens: no collection in this second. */
  wait(): void {
    this.#busy = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#busy && usedBytes() - this.#leftBytes > WORTH_BYTES) void this.#collect();
    this.#busy = false;
  }

  async #collect(): Promise<void> {
    const isGrown = getHeapStatistics().total_heap_size - this.#compactBytes > WORTH_COMPACTING_BYTES;
    await (isGrown ? compacted() : collected());
    if (isGrown) this.#compactBytes = getHeapStatistics().total_heap_size;
    this.#leftBytes = usedBytes();
  }
}

/**
 * Collects garbage, and moves what is left together. V8 by itself gives a page of its heap back only when hardly
 * anything is left on it, and after many starts there is a little on each. The event loop stands still for up to 0.1 s.
 */
async function compacted(): Promise<void> {
  setFlagsFromString('--compact-on-every-full-gc');
  try {
    await collected();
  } finally {
    setFlagsFromString('--no-compact-on-every-full-gc');
  }
}

/**
 * Collects garbage as V8 does by itself: step by step, with the objects marked on threads of V8. The function `gc` of
 * `--expose-gc` collects at once. It also drops the optimized code of each function that used an object of a kind of
 * which none is left, which is most of the code of a start in a quiet second: V8 had to compile it again.
 */
function collected(): Promise<unknown> {
  const { emitWarning } = process;
  process.emitWarning = () => {}; // says at the first call that the function may change: only its collection is used
  try {
    return measureMemory({ execution: 'eager' });
  } finally {
    process.emitWarning = emitWarning;
  }
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}
