/** Runs tasks one after another, in the order in which they came; one that fails does not stop the next. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` when all before it have ended; gives what it gives. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task);
    this.#last = result.catch(() => {});
    return result;
  }
}
