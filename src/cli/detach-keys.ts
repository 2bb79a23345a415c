import { invalid, show } from '../spec/problems.js';

/** What leaves a terminal unless something else is asked for. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

const ALLOWED = 'keys with commas between them, each a letter or ctrl- with one of a-z @ [ \\ ] ^ _; "" for none';

/**
 * Reads keys such as "ctrl-p,ctrl-q" as the bytes that a terminal sends for them.
 * @throws NiwaError SPEC_INVALID
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array();
  return Uint8Array.from(text.split(','), (key) => {
    const [, control] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? [];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw invalid('the command line', [{ path: '--detach-keys', found: show(text), allowed: ALLOWED }]);
  });
}

/** Finds a sequence of keys in what is typed, however it is cut into pieces. */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  /** @param keys what parseDetachKeys() gave; none are never found */
  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /**
   * Takes a piece. Gives what to pass on: keys that may begin the sequence are held back until the next one tells.
   * @returns `detached` where the sequence is complete; what comes behind it is dropped
   */
  feed(piece: Uint8Array): { data: Uint8Array; detached: boolean } {
    const data: number[] = [];
    for (const byte of piece) {
      while (this.#matched > 0 && byte !== this.#keys[this.#matched]) data.push(...this.#shift());
      if (byte === this.#keys[this.#matched]) this.#matched++;
      else data.push(byte);
      if (this.#matched > 0 && this.#matched === this.#keys.length)
        return { data: Uint8Array.from(data), detached: true };
    }
    return { data: Uint8Array.from(data), detached: false };
  }

  /** Gives up the longest begin that does not fit any more; a shorter one may still be under way. */
  #shift(): Uint8Array {
    const held = this.#keys.subarray(0, this.#matched);
    let dropped = 1;
    while (!held.subarray(dropped).every((byte, i) => byte === this.#keys[i])) dropped++;
    this.#matched -= dropped;
    return held.subarray(0, dropped);
  }
}
