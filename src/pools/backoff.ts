const FIRST_USEC = 1e6;
const MOST_USEC = 60e6;

/**
 * How long nothing is made ahead after a failure, in microseconds. Pure.
 * @param before the failures in a row before it
 */
export function backoffUsec(before: number): number {
  return Math.min(MOST_USEC, FIRST_USEC * 2 ** before);
}
