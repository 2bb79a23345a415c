/** Gives all items of a stream. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Gives lines with their bytes in place of base64. */
export async function* withBytes<T extends { data: string }>(
  lines: AsyncIterable<T>,
): AsyncGenerator<Omit<T, 'data'> & { data: Buffer }> {
  for await (const line of lines) yield { ...line, data: Buffer.from(line.data, 'base64') };
}
