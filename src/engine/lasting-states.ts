import { closeSync, fsync, mkdirSync, openSync, readdirSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { unlinkIfThere } from '../host/directory.js';
import { load } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { RunsState } from './runs.js';

/** What a copy was made of: as long as these are the same, the copy is good enough for a next boot. */
interface Copied {
  phase: 'making' | 'created' | 'started' | 'exited';
  spec: Spec;
  runs?: RunsState;
}

/**
 * Copies of the saved states of containers with a restart policy, below the state directory: they outlive a restart of
 * the machine, which empties the run directory. A container that was never started has no copy, and the copy of a run
 * that has ended stays until the next run has started.
 */
export class LastingStates {
  readonly #directory: string;
  readonly #copied = new Map<string, Copied>();

  /** @throws NiwaError HOST_ERROR */
  constructor(directory: string) {
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Writes the copy of a state, if it is needed and says something new. Throws the errors of the file system.
   * @param text gives the text of the state
   */
  save(saved: Copied, text: () => string): void {
    const { phase, spec, runs } = saved;
    if (spec.restart === undefined || phase === 'making' || phase === 'created') return;
    const before = this.#copied.get(spec.id);
    if (before?.phase === phase && before.spec === spec && before.runs === runs) return;
    writeSoonSynced(this.#fileOf(spec.id), text());
    this.#copied.set(spec.id, { phase, spec, ...(runs === undefined ? {} : { runs }) });
  }

  /** Gives the text of each copy by the id of its container; null where it cannot be read. */
  async load(): Promise<Map<string, string | null>> {
    const texts = new Map<string, string | null>();
    const ids = readdirSync(this.#directory).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
    for (const id of ids) {
      const found = await load(this.#fileOf(id), (text) => text);
      texts.set(id, found.state === 'whole' ? found.value : null);
    }
    return texts;
  }

  /** Notes that a container has a copy, so that {@link remove} removes it. */
  know(saved: Copied): void {
    const { phase, spec, runs } = saved;
    this.#copied.set(spec.id, { phase, spec, ...(runs === undefined ? {} : { runs }) });
  }

  /** Removes the copy of a container, if it has one. Throws the errors of the file system. */
  remove(id: string): void {
    if (this.#copied.delete(id)) unlinkIfThere(this.#fileOf(id));
  }

  #fileOf(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

/** Replaces a file by a rename; it is synced by another thread, since a sync takes long and nobody waits for it. */
function writeSoonSynced(path: string, text: string): void {
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    renameSync(`${path}.new`, path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  fsync(fd, () => closeSync(fd));
}
