import { distance } from 'fastest-levenshtein';

/** The longest word that is compared: a stranger's word may be very long. */
const LONGEST = 64;

/**
 * Finds the known word that a mistyped word most likely stands for. Case does not count.
 * @param word what was written, of any length
 * @param known the words that are allowed
 * @returns undefined where no known word is near: one change in up to four letters, two in up to seven, else three
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 2 || word.length > LONGEST) return undefined;
  const most = word.length <= 4 ? 1 : word.length <= 7 ? 2 : 3;
  const lower = word.toLowerCase();
  const [first] = known
    .filter((one) => one !== word)
    .map((one) => ({ one, away: distance(lower, one.toLowerCase()) }))
    .filter(({ away }) => away <= most)
    .sort((a, b) => a.away - b.away);
  return first?.one;
}

/** Gives the words that follow an error about a mistyped word: `; did you mean memory?`, or nothing. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string {
  const found = nearest(word, known);
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`;
}
