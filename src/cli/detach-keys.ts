import { invalid, show } from '../spec/problems.js';

/** The keys that detach from a terminal, unless other keys are given. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

const ALLOWED = 'keys with commas between them, each a letter or ctrl- with one of a-z @ [ \\ ] ^ _; "" for none';

/**
 * Reads key names such as "ctrl-p,ctrl-q"; gives the bytes that a terminal sends for these keys.
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

/** Finds the detach keys in the user's input, even if the input arrives in pieces. */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  /** @param keys the result of parseDetachKeys(); empty: the filter never detaches */
  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /**
   * Takes a piece of input and gives the bytes to send to the container. Bytes that may be the beginning of the detach
   * keys are held back until the next byte decides.
   * @returns `detached` is true if the keys are complete; the bytes after them are dropped
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

  /**
   * Called when the next byte does not continue the sequence: gives the held bytes that can no longer belong to it. The
   * other held bytes may be the beginning of a later match.
   */
  #shift(): Uint8Array {
    const held = this.#keys.subarray(0, this.#matched);
    let dropped = 1;
    while (!held.subarray(dropped).every((byte, i) => byte === this.#keys[i])) dropped++;
    this.#matched -= dropped;
    return held.subarray(0, dropped);
  }
}
