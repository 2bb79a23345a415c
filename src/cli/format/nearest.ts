/**
 * Gives the name that somebody may have meant: the one with the fewest changed letters, without regard to case;
 * undefined where none is alike.
 */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const most = Math.ceil(written.length / 3);
  const measured = names
    .map((name) => ({ name, distance: distanceOf(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= most);
  return measured.sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** The Levenshtein distance: how many letters have to be put in, left out or replaced. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries())
    row = row.reduce<number[]>((next, above, j) => {
      const left = next[j - 1];
      if (left === undefined) return [i + 1];
      const diagonal = (row[j - 1] ?? 0) + (b[j - 1] === letter ? 0 : 1);
      next.push(Math.min(above + 1, left + 1, diagonal));
      return next;
    }, []);
  return row.at(-1) ?? 0;
}
