import { NiwaClient } from '../../client/client.js';
import type { Kind } from './candidates.js';

/**
 * Asks niwad for the names of a kind; gives none where no niwad answers.
 * @param states only containers in these states; null for all
 */
export async function namesOf(kind: Kind, states: readonly string[] | null, socket: string): Promise<string[]> {
  const client = new NiwaClient(socket);
  try {
    if (kind === 'containers') {
      const ids: string[] = [];
      for await (const { id, state } of client.containers({}, ['id', 'state']))
        if (states === null || states.includes(state)) ids.push(id);
      return ids;
    }
    const named: { name: string }[] = await client[kind]();
    return named.map(({ name }) => name);
  } catch {
    return [];
  } finally {
    client.close();
  }
}
