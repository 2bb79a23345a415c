import { NiwaClient } from '../client/client.js';
import { type AnyCommand, nameOf } from './command.js';

/**
 * The names that the shell's completion offers, beside commands and options: those of containers, services and images.
 */

type Kind = 'containers' | 'services' | 'images';

const KINDS: Record<string, Kind> = { service: 'services', image: 'images' };

/**
 * Gives the kind of name that may come next on a command line; null for none.
 * @param words of the command line, without options: the command, and what follows up to the word that is completed
 * @param commands all commands
 * @param groups the commands of those that have some of their own
 */
export function kindOfNext(
  words: readonly string[],
  commands: readonly AnyCommand[],
  groups: Readonly<Record<string, readonly AnyCommand[]>>,
): Kind | null {
  const [first = '', second = ''] = words;
  const group = groups[first];
  const command = (group ?? commands).find((one) => nameOf(one) === (group === undefined ? first : second));
  const [, positional, several] = /^\S+ [<[](id|name)(\.\.)?[>\]]/.exec(String(command?.command)) ?? [];
  const given = words.length - (group === undefined ? 1 : 2);
  if (positional === undefined || (several === undefined && given > 1)) return null;
  return KINDS[first] ?? 'containers';
}

/** Asks niwad for the names of a kind; gives none where no niwad answers. */
export async function namesOf(kind: Kind, socket: string): Promise<string[]> {
  const client = new NiwaClient(socket);
  try {
    if (kind === 'containers') {
      const ids: string[] = [];
      for await (const { id } of client.containers({}, ['id'])) ids.push(id);
      return ids;
    }
    const named = kind === 'services' ? await client.services() : await client.images();
    return named.map(({ name }) => name);
  } catch {
    return [];
  } finally {
    client.close();
  }
}
