/** For each column of a reading, by its name, its index in a row. */
export type Columns = ReadonlyMap<string, number>;

/** Makes the index for {@link figure} of the names of the columns. */
export function indexColumns(names: readonly string[]): Columns {
  return new Map(names.map((name, i) => [name, i]));
}

/** Gives one figure of a row, by its name, such as `"cpu.stat:usage_usec"`; null where the host does not count it. */
export function figure(row: Float64Array, columns: Columns, name: string): number | null {
  return figureAt(row, columns.get(name) ?? -1);
}

/** Gives one figure of a row, by its index; null where the index is -1, or the host does not count it. */
export function figureAt(row: Float64Array, place: number): number | null {
  const value = place < 0 ? undefined : row[place];
  return value === undefined || Number.isNaN(value) ? null : value;
}
