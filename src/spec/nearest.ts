import { distance } from 'fastest-levenshtein';

/** The longest word that is compared: a stranger's word may be very long. */
const LONGEST = 64;

/**
 * Finds the known word that a mistyped word most likely stands for. Case does not count.
 * @param word what was written, of any length
 * @param known the words that are allowed
 * Two neighbours that have changed places count as one change.
 * @returns undefined where no known word is near: one change in up to four letters, two in up to seven, else three
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 2 || word.length > LONGEST) return undefined;
  const most = word.length <= 4 ? 1 : word.length <= 7 ? 2 : 3;
  const lower = word.toLowerCase();
  const exchanged = withNeighboursExchanged(lower);
  const changes = (one: string) => (exchanged.has(one) ? 1 : distance(lower, one));
  const [first] = known
    .filter((one) => one !== word)
    .map((one) => ({ one, away: changes(one.toLowerCase()) }))
    .filter(({ away }) => away <= most)
    .sort((a, b) => a.away - b.away);
  return first?.one;
}

function withNeighboursExchanged(word: string): Set<string> {
  const letters = [...word];
  return new Set(
    letters.slice(1).map((letter, i) =>
      letters
        .with(i, letter)
        .with(i + 1, letters[i] ?? '')
        .join(''),
    ),
  );
}

/** Gives the words that follow an error about a mistyped word: `; did you mean memory?`, or nothing. */
export function didYouMean(word: string, known: readonly string[], prefix = ''): string {
  const found = nearest(word, known);
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`;
}
