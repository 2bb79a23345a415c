// @ts-check
// What a measurement has made is taken away at its end, and when it is interrupted.

const INTERRUPTED = 130; // 128 + SIGINT

/**
 * @template T
 * @param {() => Promise<void>} clean takes everything away; called once
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} what the work gives
 */
export async function cleaningUp(clean, work) {
  /** @type {Promise<void> | null} */
  let cleaned = null;
  const once = () => (cleaned ??= clean());
  const interrupted = () =>
    void once()
      .catch((error) => console.error(error))
      .finally(() => process.exit(INTERRUPTED));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted);
  try {
    return await work();
  } finally {
    await once();
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted);
  }
}
