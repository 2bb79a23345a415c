import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import type { ImageInfo, ImportProgress } from '../protocol/images.js';
import { importImages } from './import.js';
import type { ImageLimits } from './limits.js';
import type { ImageStore } from './store.js';

/** The operations on images: on the store, within its limits. Each change is followed by the removal of what nothing needs. */
export class Images {
  readonly #store: ImageStore;
  readonly #limits: ImageLimits;
  readonly #used: () => Set<string>;
  readonly #log: Logger;

  /** @param used gives the directories of layers that containers have */
  constructor(store: ImageStore, limits: ImageLimits, used: () => Set<string>, log: Logger) {
    this.#store = store;
    this.#limits = limits;
    this.#used = used;
    this.#log = log;
  }

  /** Removes the unfinished layers and directories of an earlier niwad. A failure is logged. */
  async open(): Promise<void> {
    await this.#store.clean(this.#used()).catch((error: unknown) => this.#warn(error));
  }

  list(): ImageInfo[] {
    return this.#store.list();
  }

  /**
   * Takes the images of a tar, see {@link importImages}.
   * @throws NiwaError IMAGE_INVALID, SPEC_INVALID, HOST_ERROR
   */
  async import(
    tar: AsyncIterable<Buffer>,
    name: string | undefined,
    tell: (progress: ImportProgress) => void,
  ): Promise<void> {
    await importImages(this.#store, tar, name, this.#limits, tell).finally(() => this.tidy());
  }

  /** Forgets a name; the image goes with its last name, a layer with its last image and container. @throws NiwaError NOT_FOUND */
  remove(name: string): void {
    this.#store.removeName(name);
    this.tidy();
  }

  /** Removes images and layers that nothing needs; the caller does not wait for it. */
  tidy(): void {
    if (this.#store.isEmpty()) return; // this is asked at the end of every container
    this.#store.collect(this.#used()).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#log.warn({ err: error }, `what no image needs any more cannot be removed: ${messageOf(error)}`);
  }
}
