import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import { withResolvers } from '../turns/with-resolvers.js';
import type { OciState } from './state.js';
import { quoted } from './words.js';

/** A container that is being made. */
interface Making {
  state: OciState;
  isShort: boolean;
  over: Promise<void>;
}

/** Who asks while a container is made wants to know when it can be started. */
const PATIENCE_MS = 2000;

/** The containers of engines by their names: each directory of --root has ids of its own. */
export class OciNames {
  readonly #isOver: (id: string) => boolean;
  readonly #ids = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  readonly #making = new Map<string, Making>();

  /**
   * @param isOver whether the container with this id in niwad has ended, and niwad removes it: its name is free then,
   *   while its record is being written
   */
  constructor(isOver: (id: string) => boolean) {
    this.#isOver = isOver;
  }

  /** Takes the name of a container that exists, unless one that is not over has it. */
  add({ id, spec: { oci } }: Container): void {
    if (oci === undefined) return;
    const key = keyOf(resolve(oci.root), oci.id); // earlier versions have saved it as the command line had it
    this.#keys.set(id, key);
    if (this.#found(key) === undefined) this.#ids.set(key, id);
  }

  /** Called when a container is forgotten. */
  removed(id: string): void {
    const key = this.#keys.get(id);
    if (key === undefined) return;
    this.#keys.delete(id);
    if (this.#ids.get(key) === id) this.#ids.delete(key);
  }

  /**
   * Gives the id in niwad.
   * @param wanted the only id that it may be
   * @throws NiwaError NOT_FOUND in the words that engines look for; STATE_CONFLICT while the container is being made
   */
  idOf(root: string, id: string, wanted?: string): string {
    const key = keyOf(root, id);
    const found = this.#found(key);
    if (found !== undefined && found === (wanted ?? found)) return found;
    if (this.#making.has(key))
      throw new NiwaError('STATE_CONFLICT', `container ${quoted(id)} is still being created; wait for its create`);
    throw new NiwaError('NOT_FOUND', `container ${quoted(id)} does not exist`);
  }

  /** Whether a container has this name. @param wanted its id in niwad, where only that one counts */
  has(root: string, id: string, wanted?: string): boolean {
    const found = this.#found(keyOf(root, id));
    return found !== undefined && found === (wanted ?? found);
  }

  /** The ids in niwad of the containers of a root. */
  ids(root: string): string[] {
    const beginning = keyOf(root, '');
    return [...this.#ids].flatMap(([key, id]) => (key.startsWith(beginning) && !this.#isOver(id) ? [id] : []));
  }

  #found(key: string): string | undefined {
    const id = this.#ids.get(key);
    return id === undefined || this.#isOver(id) ? undefined : id;
  }

  /**
   * Keeps the name of a container that is being made; the result gives it back.
   * @param state that of the container meanwhile
   * @param isShort whether it is made in a moment: no hook runs meanwhile, which may ask for the state itself
   * @throws NiwaError ID_IN_USE in the words that engines look for
   */
  reserve(root: string, state: OciState, isShort: boolean): () => void {
    const key = keyOf(root, state.id);
    if (this.#found(key) !== undefined || this.#making.has(key))
      throw new NiwaError(
        'ID_IN_USE',
        `container with id ${quoted(state.id)} already exists; container with given ID already exists`,
      );
    const { promise: over, resolve: end } = withResolvers<void>();
    this.#making.set(key, { state, isShort, over });
    return () => {
      this.#making.delete(key);
      end();
    };
  }

  /** Gives the state of a container that is being made; undefined where none of this name is. */
  making(root: string, id: string): OciState | undefined {
    return this.#making.get(keyOf(root, id))?.state;
  }

  /** Waits until a container of this name is made, or is not made after all; at once where none is being made. */
  async made(root: string, id: string): Promise<void> {
    await this.#making.get(keyOf(root, id))?.over;
  }

  /** As made(), 2 s at most, and only for one that is made in a moment; at once for another one. */
  async madeSoon(root: string, id: string): Promise<void> {
    const making = this.#making.get(keyOf(root, id));
    if (making?.isShort) await Promise.race([making.over, sleep(PATIENCE_MS, undefined, { ref: false })]);
  }
}

function keyOf(root: string, id: string): string {
  return `${root}\0${id}`;
}
