import type { SavedState } from './saved-state-types.js';

/** Tells whether the hooks of one container's end have run. This is saved, because niwad may end while they run. */
export class EndHooks {
  #areDone: boolean;
  #tries: number;

  constructor(before: Pick<SavedState, 'hooksDone' | 'hookTries'> = { hooksDone: true }) {
    this.#areDone = before.hooksDone;
    this.#tries = before.hookTries ?? 0;
  }

  /** False if the container has exited and the hooks of its end have not finished. */
  get areDone(): boolean {
    return this.#areDone;
  }

  /** How often this niwad and earlier ones have begun these hooks. */
  get tries(): number {
    return this.#tries;
  }

  /** Called when the container ends and has hooks to run. */
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
