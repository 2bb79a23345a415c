import type { ServiceParts } from './parts.js';
import type { RunningService } from './service.js';
import { tick } from './tick.js';

const INTERVAL_MS = 1000;

/** The one timer for the work of each second of all services. */
export class Ticking {
  readonly #services: () => Iterable<RunningService>;
  readonly #parts: Pick<ServiceParts, 'paths' | 'log' | 'containers'>;
  readonly #timer: NodeJS.Timeout;
  #isBusy = false;
  #wasDraining = false;
  #isWriting = false;
  #hasUnwritten = false;

  constructor(services: () => Iterable<RunningService>, parts: Pick<ServiceParts, 'paths' | 'log' | 'containers'>) {
    this.#services = services;
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#tick(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const services = [...this.#services()];
    const counts = services.length === 0 ? new Map() : await this.#counts();
    const { isDraining } = this.#parts.containers;
    const hasDrainChanged = isDraining !== this.#wasDraining;
    this.#wasDraining = isDraining;
    for (const service of services) {
      try {
        tick(service, counts.get(service.name), hasDrainChanged);
      } catch (error) {
        service.complain('the work of each second failed', error);
      }
    }
    this.#isBusy = false;
    void this.#writeHistories();
  }

  /** One service after the other, behind the work of each second: a slow disk keeps nothing else waiting. */
  async #writeHistories(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    let hasUnwritten = false;
    for (const { name, history } of this.#services())
      await history.flush().catch((error: unknown) => {
        const isNews = !this.#hasUnwritten && !hasUnwritten;
        if (isNews) this.#parts.log.error({ service: name, err: error }, 'the history of services waits to be written');
        hasUnwritten = true;
      });
    this.#hasUnwritten = hasUnwritten;
    this.#isWriting = false;
  }

  async #counts() {
    try {
      return await this.#parts.paths.counts();
    } catch (error) {
      this.#parts.log.error({ err: error }, 'the counters of services cannot be read');
      return new Map();
    }
  }
}
