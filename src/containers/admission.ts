import { randomInt } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Container } from '../engine/container.js';
import { load } from '../host/stored-file.js';
import { NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { requireOwnDirectory } from './overlay-directories.js';
import type { Registry } from './registry.js';

/** How many ids there are of twelve hexadecimal digits: as many as randomInt() can choose from. */
const MOST_IDS = 2 ** 48 - 1;

/**
 * Decides whether one more container may be made or started. Reserves the container's id while the container is being
 * made.
 */
export class Admission {
  readonly #registry: Registry;
  /** This file exists while the node is drained. */
  readonly #drainFile: string;
  /** The specs of the containers that are being made, by id. */
  readonly #reserved = new Map<string, Spec>();
  #isDraining = false;
  #isClosing = false;

  constructor(registry: Registry, drainFile: string) {
    this.#registry = registry;
    this.#drainFile = drainFile;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get isMaking(): boolean {
    return this.#reserved.size > 0;
  }

  /** How many containers are being made. */
  get making(): number {
    return this.#reserved.size;
  }

  /**
   * Finds out whether an earlier niwad drained the node. If the drain file cannot be read, the node counts as drained.
   */
  async open(log: Logger): Promise<void> {
    const file = this.#drainFile;
    const found = await load(file, () => true);
    if (found.state === 'damaged')
      log.error(
        { file, reason: found.reason },
        'nobody can say whether this node is drained: it takes no containers until `niwa drain --undo`',
      );
    this.#isDraining = found.state !== 'missing';
  }

  /**
   * Refuses every new container from now on, also after a restart, until this method is called with false. Throws the
   * errors of the file system.
   */
  setDraining(draining: boolean): void {
    if (draining) writeFileSync(this.#drainFile, '');
    else rmSync(this.#drainFile, { force: true });
    this.#isDraining = draining;
  }

  /** Called when niwad stops: refuses every new container from now on. */
  close(): void {
    this.#isClosing = true;
  }

  /** Throws while no container may be made or started. @throws NiwaError DAEMON_UNREACHABLE, DRAINING */
  require(): void {
    if (this.#isClosing)
      throw new NiwaError(
        'DAEMON_UNREACHABLE',
        'niwad is stopping and starts no container: send the request again when the next niwad runs',
      );
    if (this.#isDraining)
      throw new NiwaError(
        'DRAINING',
        'this node is being drained and takes no containers; `niwa drain --undo` ends that',
      );
  }

  /**
   * Reserves the id of a spec, and the directory on the host that stores the container's writes. No other container can
   * take them until the returned function is called.
   * @param before the run that has ended and that has the id until the new one is made; null for a new container
   * @throws NiwaError ID_IN_USE, STATE_CONFLICT, and the errors of {@link require}
   */
  reserve(spec: Spec, before: Container | null = null): () => void {
    this.require();
    if (before === null ? this.#isTaken(spec.id) : this.#reserved.has(spec.id))
      throw new NiwaError('ID_IN_USE', `a container ${spec.id} exists already; remove it first, or take another id`);
    requireOwnDirectory(spec, this.#liveSpecs());
    this.#reserved.set(spec.id, spec);
    return () => this.#reserved.delete(spec.id);
  }

  /** Gives an id that no container has. */
  freeId(): string {
    for (;;) {
      const id = randomInt(MOST_IDS).toString(16).padStart(12, '0');
      if (!this.#isTaken(id)) return id;
    }
  }

  /** The specs of all containers, also of exited ones and of those that are being made. */
  *specs(): Iterable<Spec> {
    yield* this.#reserved.values();
    for (const { spec } of this.#registry.list()) if (!this.#reserved.has(spec.id)) yield spec;
  }

  #isTaken(id: string): boolean {
    return this.#registry.has(id) || this.#reserved.has(id);
  }

  /**
   * The specs of all containers that live or are being made. A generator, because most new specs name no such directory
   * and are compared with none.
   */
  *#liveSpecs(): Iterable<Spec> {
    yield* this.#reserved.values();
    for (const { spec } of this.#registry.live()) yield spec;
  }
}
