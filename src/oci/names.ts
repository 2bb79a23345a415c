import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import { quoted } from './words.js';

/** The containers of engines by their names: each directory of --root has ids of its own. */
export class OciNames {
  readonly #ids = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  readonly #reserved = new Set<string>();

  /** Takes the name of a container that exists. */
  add({ id, spec: { oci } }: Container): void {
    if (oci === undefined) return;
    const key = keyOf(oci.root, oci.id);
    this.#ids.set(key, id);
    this.#keys.set(id, key);
  }

  /** Called when a container is forgotten. */
  removed(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) return;
    this.#keys.delete(id);
    this.#ids.delete(key);
  }

  /** Gives the id in niwad. @throws NiwaError NOT_FOUND in the words that engines look for */
  idOf(root: string, id: string): string {
    const found = this.#ids.get(keyOf(root, id));
    if (found === undefined) throw new NiwaError('NOT_FOUND', `container ${quoted(id)} does not exist`);
    return found;
  }

  has(root: string, id: string): boolean {
    return this.#ids.has(keyOf(root, id));
  }

  /** The ids in niwad of the containers of a root. */
  ids(root: string): string[] {
    const beginning = keyOf(root, '');
    return [...this.#ids].flatMap(([key, id]) => (key.startsWith(beginning) ? [id] : []));
  }

  /**
   * Keeps a name for a container that is being made; the result gives it back.
   * @throws NiwaError ID_IN_USE in the words that engines look for
   */
  reserve(root: string, id: string): () => void {
    const key = keyOf(root, id);
    if (this.#ids.has(key) || this.#reserved.has(key))
      throw new NiwaError(
        'ID_IN_USE',
        `container with id ${quoted(id)} already exists; container with given ID already exists`,
      );
    this.#reserved.add(key);
    return () => this.#reserved.delete(key);
  }
}

function keyOf(root: string, id: string): string {
  return `${root}\0${id}`;
}
