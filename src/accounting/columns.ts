/** Gives the place of each column, for {@link figure}. */
export type Columns = ReadonlyMap<string, number>;

/** Numbers the columns of a reading. */
export function indexColumns(names: readonly string[]): Columns {
  return new Map(names.map((name, i) => [name, i]));
}

/** Gives one figure of a row, such as `"cpu.stat:usage_usec"`; null where the host has none. */
export function figure(row: Float64Array, columns: Columns, name: string): number | null {
  const value = row[columns.get(name) ?? -1];
  return value === undefined || Number.isNaN(value) ? null : value;
}
