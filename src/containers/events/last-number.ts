import { constants, openSync, readFileSync, writeSync } from 'node:fs';

/** The boot, a blank, and as many digits as a number may have. */
const WRITTEN = /^(\S+) ([0-9]{16})$/;
const FILE_MODE = 0o640;

/**
 * The number of the last event, in a file of the run directory, with the boot in which it was told. It is written before the event
 * is told, by one system call of two microseconds: the run directory is in memory, as the state files in it. So a niwad that is
 * killed leaves behind which numbers it has used, also those of events that it had no time to store.
 */
export class LastNumber {
  /** What an earlier daemon of this boot has left; null where nobody can say. */
  readonly found: number | null;
  readonly #bootId: string;
  readonly #fd: number;

  /** @throws what node:fs throws */
  constructor(path: string, bootId: string) {
    this.#bootId = bootId;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
    const [, boot, number] = WRITTEN.exec(readFileSync(this.#fd, 'utf8')) ?? [];
    this.found = boot === bootId ? Number(number) : null;
  }

  /** @throws what node:fs throws */
  write(number: number): void {
    writeSync(this.#fd, `${this.#bootId} ${String(number).padStart(16, '0')}`, 0);
  }
}
