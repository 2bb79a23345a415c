import type { DescribedCommand, DescribedOption } from '../described.js';
import { escaped } from '../text.js';
import { nextOf } from './candidates.js';
import { namesOf } from './names.js';
import { FILES } from './scripts.js';

/**
 * Answers a script of scripts.ts.
 * @param words behind `niwa`, up to the cursor
 * @param socket of niwad, which is asked for names
 * @returns lines, see scripts.ts
 */
export async function complete(
  words: readonly string[],
  commands: readonly DescribedCommand[],
  global: readonly DescribedOption[],
  socket: string,
): Promise<string[]> {
  const { candidates, names, states, before, files } = nextOf(words, commands, global);
  const found = names === null ? [] : await namesOf(names, states, socket);
  const current = words.at(-1) ?? '';
  const known = found.map((name) => `${before}${name}`).filter((word) => word.startsWith(current));
  return [
    ...candidates.map(({ word, describe }) => `${word}\t${escaped(describe)}`),
    ...known.map((word) => `${escaped(word)}\t`),
    ...(files ? [FILES] : []),
  ];
}
