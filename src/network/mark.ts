import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { loadNow } from '../host/stored-file.js';

/**
 * The file that names the bridge as long as there is one. By it the next niwad knows which interfaces of this host belong to niwad,
 * also where its configuration names another bridge.
 */
export class BridgeMark {
  readonly #file: string;
  readonly #configured: string;
  readonly #log: Logger;

  /** @param configured the bridge of the configuration: it counts where the file cannot be read */
  constructor(file: string, configured: string, log: Logger) {
    this.#file = file;
    this.#configured = configured;
    this.#log = log;
  }

  /** Gives the bridge that this niwad or an earlier one has made; null where there is none. */
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
   * Writes the name by a rename: a crash leaves the whole name or none, since half of it could be the name of another interface.
   * Where the file has the name already, nothing is written: the disk may be full.
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

/** The interfaces of the bridge that is named here are deleted: a name that was cut short would be that of other interfaces. */
function parse(text: string): string {
  if (!/^[a-z][a-z0-9]{0,8}$/.test(text)) throw new Error(`it names no bridge: ${JSON.stringify(text.slice(0, 32))}`);
  return text;
}
