/**
 * Parses and writes sizes, times and numbers of processors in the forms that people use. Each parser gives a number in
 * the unit of its name, or undefined where the text has no such form; the caller knows the name of the field, and makes
 * the error.
 */

const BYTE_UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const USEC_PER: Record<string, number> = { ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };

export const BYTES_PATTERN = '^[0-9]+(\\.[0-9]+)?[KMGT]?(i?B)?$';
export const DURATION_PATTERN = '^([0-9]+(\\.[0-9]+)?|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+)$';
export const DURATION_WORDS = 'seconds as a number, or a string such as "90s", "250ms" or "1h30m", less than 285 years';

/** Parses `4096`, `"512M"`, `"1.5G"` or `"64KiB"`: units are powers of 1024. Gives whole bytes. */
export function parseBytes(input: number | string): number | undefined {
  if (typeof input === 'number') return Number.isSafeInteger(input) && input >= 0 ? input : undefined;
  const match = /^([0-9]+(?:\.[0-9]+)?)([KMGT]?)(?:i?B)?$/.exec(input);
  if (match === null) return undefined;
  const bytes = Math.floor(Number(match[1]) * (BYTE_UNITS[match[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Parses `90` or `"90"` (seconds), `"90s"`, `"1h30m"` or `"250ms"`. Gives whole microseconds. */
export function parseDuration(input: number | string): number | undefined {
  const usec = typeof input === 'number' ? input * 1e6 : sumOfParts(input);
  const whole = Math.round(usec);
  return Number.isSafeInteger(whole) && whole >= 0 ? whole : undefined;
}

function sumOfParts(text: string): number {
  if (!new RegExp(DURATION_PATTERN).test(text)) return Number.NaN;
  const parts = text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|$)/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (USEC_PER[unit || 's'] ?? Number.NaN), 0);
}

/**
 * Writes microseconds in the form that people use: `1.5s`, `250ms`, `2m`, `1h30m`. It rounds to a unit before it tries
 * the next larger one.
 */
export function formatDuration(usec: number): string {
  const milliseconds = Math.round(usec / 1e3);
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const tenths = Math.round(usec / 1e5);
  if (tenths < 600) return `${tenths / 10}s`;
  const seconds = Math.round(usec / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${seconds % 60 === 0 ? '' : `${seconds % 60}s`}`;
  const minutes = Math.round(usec / 60e6);
  return `${Math.floor(minutes / 60)}h${minutes % 60 === 0 ? '' : `${minutes % 60}m`}`;
}

/** Writes bytes with one digit after the point, in units of 1024: `1.5M`. */
export function formatBytes(bytes: number): string {
  let text = `${Math.round(bytes)}B`;
  let value = bytes;
  for (const unit of ['K', 'M', 'G', 'T']) {
    if (Number.parseFloat(text) < 1024) break;
    value /= 1024;
    text = `${value.toFixed(1)}${unit}`;
  }
  return text;
}
