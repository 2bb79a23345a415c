import type { Logger } from 'pino';
import { messageOf } from '../protocol/errors.js';
import type { ImageInfo, ImportProgress } from '../protocol/images.js';
import { importImages } from './import.js';
import type { ImageLimits } from './limits.js';
import type { ImageStore } from './store.js';

/**
 * The operations on images. Each uses the store within the limits; after each change, images and layers without use are
 * removed.
 */
export class Images {
  readonly #store: ImageStore;
  readonly #limits: ImageLimits;
  readonly #used: () => Set<string>;
  readonly #log: Logger;

  /** @param used gives the directories of the layers that containers use */
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
   * Imports the images of a tar, see {@link importImages}.
   * @throws NiwaError IMAGE_INVALID, SPEC_INVALID, HOST_ERROR
   */
  async import(
    tar: AsyncIterable<Buffer>,
    name: string | undefined,
    tell: (progress: ImportProgress) => void,
  ): Promise<void> {
    await importImages(this.#store, tar, name, this.#limits, tell).finally(() => this.tidy());
  }

  /**
   * Removes a name. An image is removed with its last name, a layer with its last image and container.
   * @throws NiwaError NOT_FOUND
   */
  remove(name: string): void {
    this.#store.removeName(name);
    this.tidy();
  }

  /** Removes the images and layers that nothing uses. The caller does not wait for the end; a failure is logged. */
  tidy(): void {
    if (this.#store.isEmpty()) return; // tidy() is called at the end of every container, mostly on nodes without images
    this.#store.collect(this.#used()).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#log.warn({ err: error }, `what no image needs any more cannot be removed: ${messageOf(error)}`);
  }
}
