import { setImmediate as nextTurn } from 'node:timers/promises';

interface Timed {
  time: string;
}

/** The next value of a source. */
interface Head<T> {
  source: AsyncIterator<T>;
  coming: Promise<unknown>;
  /** null while it is waited for. */
  result: IteratorResult<T> | null;
}

/**
 * Merges values in the order of their times. Each source is waited for before anything later goes on.
 * @param sources each in the order of its times
 */
export async function* mergeByTime<T extends Timed>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const heads = new Set(sources.map(headOf));
  while (heads.size > 0) {
    await Promise.all([...heads].map(({ coming }) => coming));
    yield* takeFirst(heads);
  }
}

/**
 * Merges values as they come: a source that says nothing is not waited for. Of several that have a value, the earliest
 * goes first.
 * @param more gives sources that begin later; the merge is over when it and all sources are
 */
export async function* mergeAsTheyCome<T extends Timed>(
  sources: readonly AsyncIterable<T>[],
  more: AsyncIterable<AsyncIterable<T>>,
): AsyncGenerator<T> {
  const heads = new Set(sources.map(headOf));
  let next: Head<AsyncIterable<T>> | null = headOf(more);
  while (heads.size > 0 || next !== null) {
    await Promise.race([...heads, ...(next === null ? [] : [next])].map(({ coming }) => coming));
    await nextTurn(); // others, whose values are stored already, come now too
    if (next?.result?.done === true) next = null;
    else if (next?.result != null) {
      heads.add(headOf(next.result.value));
      next = advanced(next);
    }
    yield* takeFirst(heads);
  }
}

/** Gives the earliest value that is there, if any, and asks its source for the next one. Sources that are over go. */
function* takeFirst<T extends Timed>(heads: Set<Head<T>>): Generator<T> {
  let first: { head: Head<T>; value: T } | null = null;
  for (const head of heads) {
    if (head.result === null) continue;
    if (head.result.done === true) heads.delete(head);
    else if (first === null || head.result.value.time < first.value.time) first = { head, value: head.result.value };
  }
  if (first === null) return;
  heads.delete(first.head);
  heads.add(advanced(first.head));
  yield first.value;
}

function headOf<T>(values: AsyncIterable<T>): Head<T> {
  return advanced({ source: values[Symbol.asyncIterator]() });
}

function advanced<T>({ source }: Pick<Head<T>, 'source'>): Head<T> {
  const head: Head<T> = { source, coming: Promise.resolve(), result: null };
  head.coming = source.next().then((result) => {
    head.result = result;
  });
  head.coming.catch(() => {}); // it may fail while nobody reads the merge: who reads on gets the error then
  return head;
}
