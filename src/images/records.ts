/** Gives the entries of a record whose keys are wanted. */
export function pick<T>(record: Record<string, T>, wanted: (key: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => wanted(key)));
}

/** Gives the keys that one record has and another has not. */
export function missing(before: object, after: object): string[] {
  return Object.keys(before).filter((key) => !(key in after));
}
