import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { loadNow } from '../host/stored-file.js';

/**
 * The file that has the name of the bridge, as long as the bridge exists. By this file the next niwad knows which
 * interfaces of the host belong to niwad, also where its configuration names another bridge.
 */
export class BridgeMark {
  readonly #file: string;
  readonly #configured: string;
  readonly #log: Logger;

  /** @param configured the bridge that the configuration names; it is used where the file cannot be read */
  constructor(file: string, configured: string, log: Logger) {
    this.#file = file;
    this.#configured = configured;
    this.#log = log;
  }

  /** Gives the name of the bridge that this niwad or an earlier one has made; null where there is none. */
  read(): string | null {
    const found = loadNow(this.#file, parse);
    if (found.state === 'whole') return found.value;
    if (found.state === 'missing') return null;
    this.#log.error(
      { file: this.#file, reason: found.reason, bridge: this.#configured },
      'which bridge is ours cannot be read: it is taken for the configured one',
    );
    return this.#configured;
  }

  /**
   * Writes the name of the bridge by a rename, so that a crash leaves the whole name or no file: a part of the name
   * could be the name of another interface. Where the file has this name already, nothing is written, since the disk
   * may be full.
   * @throws what node:fs throws
   */
  write(bridge: string): void {
    const found = loadNow(this.#file, parse);
    if (found.state === 'whole' && found.value === bridge) return;
    writeFileSync(`${this.#file}.new`, bridge);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** @throws what node:fs throws */
  remove(): void {
    rmSync(this.#file, { force: true });
  }
}

/**
 * Reads the name. It is checked, since the interfaces of this bridge are deleted: a damaged name could be that of other
 * interfaces.
 */
function parse(text: string): string {
  if (!/^[a-z][a-z0-9]{0,8}$/.test(text)) throw new Error(`it names no bridge: ${JSON.stringify(text.slice(0, 32))}`);
  return text;
}
