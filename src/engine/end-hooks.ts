import type { SavedState } from './state-files.js';

/** How far the hooks of the end of one container are; saved, since niwad may end while they run. */
export class EndHooks {
  #areDone: boolean;
  #tries: number;

  constructor(before: Pick<SavedState, 'hooksDone' | 'hookTries'> = { hooksDone: true }) {
    this.#areDone = before.hooksDone;
    this.#tries = before.hookTries ?? 0;
  }

  /** False where the container has exited and the hooks of its end have still to run. */
  get areDone(): boolean {
    return this.#areDone;
  }

  /** How often they have been begun, by this niwad and those before. */
  get tries(): number {
    return this.#tries;
  }

  /** The container ends, and these hooks have to run afterwards. */
  owe(): void {
    this.#areDone = false;
  }

  begin(): void {
    this.#tries++;
  }

  finish(): void {
    this.#areDone = true;
  }
}
