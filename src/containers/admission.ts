import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { NiwaError } from '../errors.js';
import { load } from '../host/stored-file.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { requireOwnDirectory } from './overlay-directories.js';
import type { Registry } from './registry.js';

/** Decides whether one more container may be made or started, and keeps its id from others while it is made. */
export class Admission {
  readonly #registry: Registry;
  /** Is there while the node is drained. */
  readonly #drainFile: string;
  /** What is being made, by id. */
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

  /** Looks whether the node was drained by an earlier niwad; it counts as drained where nobody can say. */
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

  /** Refuses all from now on, also after a restart, until it is called with false. Throws what the file system does. */
  setDraining(draining: boolean): void {
    if (draining) writeFileSync(this.#drainFile, '');
    else rmSync(this.#drainFile, { force: true });
    this.#isDraining = draining;
  }

  /** niwad stops: refuses all from now on. */
  close(): void {
    this.#isClosing = true;
  }

  /** Refuses where nothing is made or started any more. @throws NiwaError DAEMON_UNREACHABLE, DRAINING */
  require(): void {
    if (this.#isClosing)
      throw new NiwaError('DAEMON_UNREACHABLE', 'niwad is stopping and starts nothing any more: ask the next one');
    if (this.#isDraining)
      throw new NiwaError(
        'DRAINING',
        'this node is being drained and takes no containers; `niwa drain --undo` ends that',
      );
  }

  /**
   * Keeps the id of a spec, and the directory that keeps its writes, from others until the function that it gives is called.
   * @throws NiwaError ID_IN_USE, STATE_CONFLICT, and as {@link require}
   */
  reserve(spec: Spec): () => void {
    this.require();
    if (this.#isTaken(spec.id))
      throw new NiwaError('ID_IN_USE', `a container ${spec.id} exists already; remove it first, or take another id`);
    requireOwnDirectory(spec, this.#liveSpecs());
    this.#reserved.set(spec.id, spec);
    return () => this.#reserved.delete(spec.id);
  }

  /** Gives an id that nobody has. */
  freeId(): string {
    for (;;) {
      const id = randomBytes(6).toString('hex');
      if (!this.#isTaken(id)) return id;
    }
  }

  #isTaken(id: string): boolean {
    return this.#registry.has(id) || this.#reserved.has(id);
  }

  /** The specs of all that live or are being made; a generator, since most specs keep nothing and look at none. */
  *#liveSpecs(): Iterable<Spec> {
    yield* this.#reserved.values();
    for (const { spec } of this.#registry.live()) yield spec;
  }
}
