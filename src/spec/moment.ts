import { parseDuration } from '../protocol/units.js';

const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/**
 * Parses a moment that people write: an ISO date or time with its zone, or how long ago. Gives it as Date.toISOString does, or
 * undefined where the text is none.
 * @param now in milliseconds since 1970
 */
export function parseMoment(text: string, now: number): string | undefined {
  if (/^[0-9]{8,}$/.test(text)) return undefined; // a date without dashes, or seconds since 1970, but no seconds ago
  const usecAgo = parseDuration(text);
  if (usecAgo !== undefined) return isoOf(now - usecAgo / 1000);
  const [, year, month, day] = TIME.exec(text) ?? [];
  // Date would make March of "02-30".
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(day) > 0 && Number(day) <= days ? isoOf(Date.parse(text)) : undefined;
}

/** Years of four digits, so that times compare as texts do. */
function isoOf(time: number): string | undefined {
  const date = new Date(time);
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}
