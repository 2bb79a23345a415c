import { parseDuration } from './units.js';

const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/**
 * Parses a moment in a form that people write: an ISO date or time with its zone, or a duration, which means so long
 * ago. Gives it in the form of Date.toISOString; undefined where the text is no moment.
 * @param now in milliseconds since 1970
 */
export function parseMoment(text: string, now: number): string | undefined {
  // it looks like a date without dashes, or seconds since 1970, not like a duration
  if (/^[0-9]{8,}$/.test(text)) return undefined;
  const usecAgo = parseDuration(text);
  if (usecAgo !== undefined) return isoOf(now - usecAgo / 1000);
  const [, year, month, day] = TIME.exec(text) ?? [];
  // The days of the month are counted, since Date takes "02-30" for a day in March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(day) > 0 && Number(day) <= days ? isoOf(Date.parse(text)) : undefined;
}

/** Writes a time, if its year has four digits: then times compare as their texts do. */
function isoOf(time: number): string | undefined {
  const date = new Date(time);
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}
