/** Writes figures in few columns. */

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

/** Writes bytes in at most four columns: `0`, `512`, `1.5K`, `64M`, `999G`. Units are powers of 1024. */
export function shortBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (Math.round(value) > 999 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const text = unit > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value));
  return text + UNITS[unit];
}

/** Writes a fraction as percent: `0`, `2.5`, `25`, `1600`. */
export function percent(part: number): string {
  const value = part * 100;
  return value > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** Writes a remaining time in at most six columns: `42s`, `12m34s`, `1h02m`, `3d04h`, `285d`. */
export function shortTime(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  const two = (value: number) => String(value).padStart(2, '0');
  if (minutes === 0) return `${seconds}s`;
  if (hours === 0) return `${minutes}m${two(seconds % 60)}s`;
  if (days === 0) return `${hours}h${two(minutes % 60)}m`;
  return days < 100 ? `${days}d${two(hours % 24)}h` : `${days}d`;
}

/** Writes a figure; a dash if the host does not have it. */
export function figure(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '-' : format(value);
}

/** The largest of the values that are not null. */
export function greatest(...figures: (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === 0 ? null : Math.max(...known);
}
