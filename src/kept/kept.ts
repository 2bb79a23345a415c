/** How much of one caller is kept: entries, and the characters of all their keys. */
interface Share {
  entries: number;
  characters: number;
}

/** Root has more, since it asks for all customers. */
const OF_ROOT: Share = { entries: 512, characters: 1024 * 1024 };
const OF_A_CALLER: Share = { entries: 32, characters: 128 * 1024 };
/** Of how many callers something is kept: those who asked last. */
const MOST_CALLERS = 32;
/** A longer key would take the room of many others. */
const LONGEST_KEY = 32 * 1024;

/**
 * Keeps results by the text of what they were made of, for a caller who asks for the same again. Each caller has room
 * of its own: no caller gets what was kept for another one, and none pushes out what belongs to another one. The size
 * of a value has to grow with its key, because the keys alone are counted.
 */
export class Kept<V> {
  readonly #ofCallers = new Map<string, Entries<V>>();
  readonly #ofRoot = new Entries<V>(OF_ROOT);

  /** Gives what is kept for a caller. @param caller any name of the caller; null for root */
  get(caller: string | null, key: string): V | undefined {
    return (caller === null ? this.#ofRoot : this.#ofCallers.get(caller))?.get(key);
  }

  /**
   * Keeps a value, in place of what the caller has not asked for the longest. Does nothing where the key is too long.
   */
  set(caller: string | null, key: string, value: V): void {
    if (key.length > LONGEST_KEY) return;
    (caller === null ? this.#ofRoot : this.#entriesOf(caller)).set(key, value);
  }

  #entriesOf(caller: string): Entries<V> {
    const entries = this.#ofCallers.get(caller) ?? new Entries<V>(OF_A_CALLER);
    this.#ofCallers.delete(caller);
    this.#ofCallers.set(caller, entries); // the last of the map has asked last
    const [oldest] = this.#ofCallers.size > MOST_CALLERS ? this.#ofCallers.keys() : [];
    if (oldest !== undefined) this.#ofCallers.delete(oldest);
    return entries;
  }
}

/** The entries of one caller, in the order in which they were last asked for. */
class Entries<V> {
  readonly #share: Share;
  readonly #values = new Map<string, V>();
  #characters = 0;

  constructor(share: Share) {
    this.#share = share;
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#delete(key);
    this.#values.set(key, value);
    this.#characters += key.length;
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#share.entries && this.#characters <= this.#share.characters) break;
      this.#delete(oldest);
    }
  }

  #delete(key: string): void {
    if (this.#values.delete(key)) this.#characters -= key.length;
  }
}
