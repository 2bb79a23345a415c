/**
 * What people write for sizes, times and processors. Each parser gives a number in the unit of its name, or undefined
 * where the text is not of the grammar; the caller knows the field and makes the error.
 */

const BYTE_UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const USEC_PER: Record<string, number> = { ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };

export const BYTES_PATTERN = '^[0-9]+(\\.[0-9]+)?[KMGT]?(i?B)?$';
export const DURATION_PATTERN = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$';

/** Parses `4096`, `"512M"`, `"1.5G"` or `"64KiB"`: units are powers of 1024. Gives whole bytes. */
export function parseBytes(input: number | string): number | undefined {
  if (typeof input === 'number') return Number.isSafeInteger(input) && input >= 0 ? input : undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)([KMGT]?)(?:i?B)?$/.exec(input);
  if (match === null) return undefined;
  const bytes = Math.floor(Number(match[1]) * (BYTE_UNITS[match[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Parses `90` (seconds), `"90s"`, `"1h30m"` or `"250ms"`. Gives whole microseconds. */
export function parseDuration(input: number | string): number | undefined {
  const usec = typeof input === 'number' ? input * 1e6 : sumOfParts(input);
  const whole = Math.round(usec);
  return Number.isSafeInteger(whole) && whole >= 0 ? whole : undefined;
}

function sumOfParts(text: string): number {
  if (!new RegExp(DURATION_PATTERN).test(text)) return Number.NaN;
  const parts = text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (USEC_PER[unit ?? ''] ?? Number.NaN), 0);
}

/** Writes microseconds as people do: `1.5s`, `250ms`, `2m`, `1h30m`. */
export function formatDuration(usec: number): string {
  if (usec < 1e6) return `${Math.round(usec / 1e3)}ms`;
  if (usec < 60e6) return `${Number((usec / 1e6).toFixed(1))}s`;
  const minutes = Math.round(usec / 60e6);
  if (minutes < 60) return `${minutes}m${Math.round((usec % 60e6) / 1e6) % 60 || ''}`.replace(/m(\d+)$/, 'm$1s');
  const hours = Math.floor(usec / 3600e6);
  const rest = Math.round((usec - hours * 3600e6) / 60e6);
  return rest > 0 ? `${hours}h${rest}m` : `${hours}h`;
}

/** Writes bytes with one digit after the point and a unit of 1024: `1.5M`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? Math.round(value) : value.toFixed(1)}${units[power]}`;
}
