import type { Logger } from 'pino';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { ImageDetails, ImageInfo, ImagesPruned, ImportProgress } from '../protocol/images.js';
import { LoopTurns } from '../turns/loop-turns.js';
import { importImages } from './import.js';
import type { ImageLimits } from './limits.js';
import { prepareSave, type Saving } from './save.js';
import type { ImageStore } from './store.js';

/** What needs images: their names, and their ids, `sha256:` and hexadecimal digits. */
export interface ImageUse {
  names: ReadonlySet<string>;
  ids: ReadonlySet<string>;
}

/** What needs images and their layers now. */
export interface ImageUsers {
  /** The directories of the layers that containers use. */
  layers(): Set<string>;
  /** The images of containers, also of exited ones, which may be started again, and of services. */
  images(): ImageUse;
}

/** How many images one caller may save at a time: each keeps a process busy. */
const SAVES_AT_ONCE = 4;

/**
 * The operations on images. Each uses the store within the limits; after each change, images and layers without use are
 * removed.
 */
export class Images {
  readonly #store: ImageStore;
  readonly #limits: ImageLimits;
  readonly #users: ImageUsers;
  readonly #log: Logger;

  /** How many images each caller saves now, by uid. */
  readonly #saving = new Map<number, number>();

  /** Changes of names sync the index to disk. */
  readonly #changing = new LoopTurns();

  constructor(store: ImageStore, limits: ImageLimits, users: ImageUsers, log: Logger) {
    this.#store = store;
    this.#limits = limits;
    this.#users = users;
    this.#log = log;
  }

  /** Removes the unfinished layers and directories of an earlier niwad. A failure is logged. */
  async open(): Promise<void> {
    await this.#store.clean(this.#users.layers()).catch((error: unknown) => this.#warn(error));
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
   * @param uid of the caller
   * @throws NiwaError NOT_FOUND
   */
  async remove(name: string, uid: number): Promise<void> {
    await this.#change(uid, () => this.#store.removeName(name));
    this.tidy();
  }

  /** Gives an image with what it says of its containers. @throws NiwaError NOT_FOUND, SPEC_INVALID, HOST_ERROR */
  inspect(name: string): ImageDetails {
    const { info, config } = this.#store.open(name);
    const { user, env, entrypoint, cmd, cwd, labels, stopSignal } = config;
    const defaults = { user, env, entrypoint, cmd, cwd, labels, stop_signal: stopSignal };
    return { ...info, names: this.#store.namesOf(info.id), config: defaults };
  }

  /**
   * Gives an image one more name; an image that had this name loses it.
   * @param uid of the caller
   * @throws NiwaError NOT_FOUND, SPEC_INVALID, STATE_CONFLICT
   */
  async tag(name: string, added: string, uid: number): Promise<ImageInfo> {
    const image = await this.#change(uid, () => this.#store.addName(name, added));
    this.tidy();
    return image;
  }

  /**
   * Removes the images that neither a container nor a service uses, with all their names.
   * @returns when their layers are removed
   */
  async prune(): Promise<ImagesPruned> {
    const { names, ids } = this.#users.images();
    const all = this.#store.list();
    const used = new Set(all.filter(({ name, id }) => names.has(name) || ids.has(id)).map(({ id }) => id));
    const unused = all.filter(({ id }) => !used.has(id)).map(({ name }) => name);
    const before = this.#store.bytes;
    if (unused.length > 0) this.#store.removeNames(unused);
    const gone = this.#store.collect(this.#users.layers()); // the index has changed when this returns
    const freed = before - this.#store.bytes;
    await gone;
    return { removed: unused, freed_bytes: freed };
  }

  /**
   * Gives an image as the tar of an OCI image layout, see save.ts. Its layers stay until the caller calls `end`.
   * @param uid of the caller
   * @param signal ends the preparation, which reads the whole image
   * @throws NiwaError NOT_FOUND, SPEC_INVALID, TOO_MANY_REQUESTS, HOST_ERROR
   */
  async save(name: string, uid: number, signal: AbortSignal): Promise<Saving & { end(): void }> {
    const { directories } = this.#store.open(name);
    const others = this.#saving.get(uid) ?? 0;
    if (others >= SAVES_AT_ONCE)
      throw new NiwaError('TOO_MANY_REQUESTS', `user ${uid} saves ${others} images already: wait for one of them`);
    this.#saving.set(uid, others + 1);
    const unpin = this.#store.pin(directories);
    const end = () => {
      unpin();
      const left = (this.#saving.get(uid) ?? 1) - 1;
      if (left > 0) this.#saving.set(uid, left);
      else this.#saving.delete(uid);
    };
    try {
      return { ...(await prepareSave(this.#store, name, signal)), end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Removes the images and layers that nothing uses. The caller does not wait for the end; a failure is logged. */
  tidy(): void {
    if (this.#store.isEmpty()) return; // tidy() is called at the end of every container, mostly on nodes without images
    this.#store.collect(this.#users.layers()).catch((error: unknown) => this.#warn(error));
  }

  /** Makes a change when it is the caller's turn. */
  async #change<T>(uid: number, act: () => T): Promise<T> {
    return await this.#changing.run(uid === 0 ? null : String(uid), act);
  }

  #warn(error: unknown): void {
    this.#log.warn({ err: error }, `what no image needs any more cannot be removed: ${messageOf(error)}`);
  }
}
