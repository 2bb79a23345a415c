/** How much of one caller is kept: entries, and the characters of all their keys and values. */
interface Share {
  entries: number;
  characters: number;
}

/** Root has more, since it asks for all customers. */
const OF_ROOT: Share = { entries: 512, characters: 4 * 1024 * 1024 };
const OF_A_CALLER: Share = { entries: 32, characters: 512 * 1024 };
/** Of how many callers something is kept: those who asked last. */
const MOST_CALLERS = 32;
/** The most characters of a key and its value: a larger entry would take the room of many others. */
const LARGEST_ENTRY = 128 * 1024;

/**
 * Keeps results by the text of what they were made of, for a caller who asks for the same again. Each caller has room
 * of its own: no caller gets what was kept for another one, and a caller who asks for many results pushes out only its
 * own. When more than 32 callers ask, the one who has not asked for the longest time loses all its results.
 */
export class Kept<V> {
  readonly #sizeOf: (value: V) => number;
  readonly #ofCallers = new Map<string, Entries<V>>();
  readonly #ofRoot;

  /**
   * @param sizeOf gives about how many characters a value has; called once for each value
   * @param ofRoot how much of root is kept
   */
  constructor(sizeOf: (value: V) => number, ofRoot: Share = OF_ROOT) {
    this.#sizeOf = sizeOf;
    this.#ofRoot = new Entries<V>(ofRoot);
  }

  /** Gives what is kept for a caller. @param caller any name of the caller; null for root */
  get(caller: string | null, key: string): V | undefined {
    if (caller === null) return this.#ofRoot.get(key);
    const entries = this.#ofCallers.get(caller);
    if (entries !== undefined) this.#moveToEnd(caller, entries);
    return entries?.get(key);
  }

  /**
   * Keeps a value, in place of what the caller has not asked for the longest time. Does nothing where the key and the
   * value are too large.
   */
  set(caller: string | null, key: string, value: V): void {
    const size = key.length + this.#sizeOf(value);
    if (size <= LARGEST_ENTRY) (caller === null ? this.#ofRoot : this.#entriesOf(caller)).set(key, value, size);
  }

  #entriesOf(caller: string): Entries<V> {
    const entries = this.#ofCallers.get(caller) ?? new Entries<V>(OF_A_CALLER);
    this.#moveToEnd(caller, entries);
    const [oldest] = this.#ofCallers.size > MOST_CALLERS ? this.#ofCallers.keys() : [];
    if (oldest !== undefined) this.#ofCallers.delete(oldest);
    return entries;
  }

  /** The last of the map has asked last. */
  #moveToEnd(caller: string, entries: Entries<V>): void {
    this.#ofCallers.delete(caller);
    this.#ofCallers.set(caller, entries);
  }
}

/** The entries of one caller, in the order in which they were last asked for. */
class Entries<V> {
  readonly #share: Share;
  readonly #values = new Map<string, { value: V; size: number }>();
  #characters = 0;

  constructor(share: Share) {
    this.#share = share;
  }

  get(key: string): V | undefined {
    const entry = this.#values.get(key);
    if (entry === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, entry);
    return entry.value;
  }

  /** @param size the characters of the key and the value */
  set(key: string, value: V, size: number): void {
    this.#delete(key);
    this.#values.set(key, { value, size });
    this.#characters += size;
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#share.entries && this.#characters <= this.#share.characters) break;
      this.#delete(oldest);
    }
  }

  #delete(key: string): void {
    this.#characters -= this.#values.get(key)?.size ?? 0;
    this.#values.delete(key);
  }
}
