import { constants, openSync, readFileSync, writeSync } from 'node:fs';

/** The id of the boot, a blank, and a number with leading zeros: 16 digits are enough for every safe integer. */
const WRITTEN = /^(\S+) ([0-9]{16})$/;
const FILE_MODE = 0o640;

/**
 * The sequence number of the last event, in a file of the run directory, with the id of the boot in which the event was
 * told. The number is written before the event is told, by one system call of two microseconds: the run directory is in
 * memory. So after niwad was killed, the next niwad knows which numbers are used, also those of events that were not
 * stored.
 */
export class LastNumber {
  /** The number that an earlier daemon of this boot has written; null if it is unknown. */
  readonly found: number | null;
  readonly #bootId: string;
  readonly #fd: number;

  /** @throws the errors of node:fs */
  constructor(path: string, bootId: string) {
    this.#bootId = bootId;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
    const [, boot, number] = WRITTEN.exec(readFileSync(this.#fd, 'utf8')) ?? [];
    this.found = boot === bootId ? Number(number) : null;
  }

  /** @throws the errors of node:fs */
  write(number: number): void {
    writeSync(this.#fd, `${this.#bootId} ${String(number).padStart(16, '0')}`, 0);
  }
}
