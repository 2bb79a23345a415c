import type { Container } from '../engine/container.js';
import { type HooksOf, keptHooks } from './hooks.js';

/** The hooks that run when their container is deleted: whoever takes them runs them, and nobody else does. */
export class LateHooks {
  readonly #byId = new Map<string, HooksOf>();

  /** Keeps the hooks of a container that exists. */
  add(container: Container): void {
    const hooks = keptHooks(container);
    if (hooks !== undefined) this.#byId.set(container.id, hooks);
  }

  /** Gives the hooks of a container; undefined where it has none, or somebody has taken them. */
  take(id: string): HooksOf | undefined {
    const hooks = this.#byId.get(id);
    this.#byId.delete(id);
    return hooks;
  }
}
