import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../host/remove-tree.js';
import { loadNow, syncDirectory, writeSynced } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { ImageInfo } from '../protocol/images.js';
import { parseReference } from '../spec/reference.js';
import { type ImageConfig, parseConfig } from './config.js';
import { type Index, readIndex, withNames } from './index-file.js';
import { missing, pick } from './records.js';

const INDEX = 'index.json';

/** A layer that was unpacked into a directory of its own, and can be moved into the store. */
export interface UnpackedLayer {
  directory: string;
  bytes: number;
}

/**
 * Images, stored by content: a layer is a directory named by its chain id, an image is its configuration named by its
 * digest, and names lead to images. One index file, which is replaced in one step, lists all of them. Files that the
 * index does not list were left over by a crash. A store belongs to one daemon.
 */
export class ImageStore {
  readonly #directory: string;
  /**
   * How many imports and starts of containers use a layer now. The index does not have these uses, and the layer must
   * not be removed.
   */
  readonly #pins = new Map<string, number>();
  /** The layers that are being unpacked now, with the end of that. */
  readonly #unpacking = new Map<string, Promise<void>>();
  /**
   * The index, as soon as it could be read. Until then operations on images are refused; containers can be made all the
   * same.
   */
  #loaded: Index | null = null;

  /**
   * @param directory made where it is missing. Only root can enter it, since files of images may be setuid
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // the boot helper follows no links, so the layers of a spec have real paths
      this.#directory = realpathSync(directory);
      for (const kind of ['layers', 'configs', 'tmp']) mkdirSync(this.#at(kind), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot use the images in ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  list(): ImageInfo[] {
    const names = Object.keys(this.#index.names).sort();
    return names.flatMap((name) => this.find(name) ?? []);
  }

  /** Gives the image of a name. @param name in the form that {@link parseReference} gives */
  find(name: string): ImageInfo | undefined {
    const named = this.#index.names[name];
    if (named === undefined) return undefined;
    const layers = this.#layersOf(named.id);
    const { created, architecture, layers: tars } = this.#config(named.id);
    return {
      name,
      id: `sha256:${named.id}`,
      created_at: created,
      imported_at: named.importedAt,
      architecture,
      bytes: layers.reduce((sum, layer) => sum + (this.#index.layers[layer]?.bytes ?? 0), 0),
      layers: tars.map((tar) => `sha256:${tar}`),
    };
  }

  /**
   * Gives the id of the image of a name; null for none. Its configuration, which may have megabytes, is not read.
   * @throws NiwaError SPEC_INVALID, HOST_ERROR
   */
  idOf(reference: string): string | null {
    const named = this.#index.names[parseReference(reference)];
    return named === undefined ? null : `sha256:${named.id}`;
  }

  /**
   * Gives the image of a name, its configuration, and the directories of its layers, the topmost first.
   * @throws NiwaError NOT_FOUND
   */
  open(reference: string): { info: ImageInfo; config: ImageConfig; directories: string[] } {
    const info = this.find(this.#nameOf(reference)) as ImageInfo;
    const id = info.id.slice('sha256:'.length);
    const directories = this.#layersOf(id).map((layer) => this.directoryOf(layer));
    return { info, config: this.#config(id), directories: directories.reverse() };
  }

  /** Gives all names of an image. @param id `sha256:` and hexadecimal digits */
  namesOf(id: string): string[] {
    const names = Object.entries(this.#index.names).filter(([, named]) => `sha256:${named.id}` === id);
    return names.map(([name]) => name).sort();
  }

  /** Gives the configuration of an image as it was imported. @throws NiwaError HOST_ERROR */
  configText(id: string): string {
    return this.#readConfig(id.slice('sha256:'.length), (text) => text);
  }

  /**
   * Gives an image one more name. An image that had this name loses it.
   * @returns the image by its new name
   * @throws NiwaError NOT_FOUND, SPEC_INVALID for the new name, STATE_CONFLICT where the image has too many names
   */
  addName(reference: string, added: string): ImageInfo {
    const named = this.#index.names[this.#nameOf(reference)];
    const name = parseReference(added);
    if (named !== undefined) this.#save(withNames(this.#index, { [name]: named }));
    return this.find(name) as ImageInfo;
  }

  /** Gives the bytes of all layers of the index. */
  get bytes(): number {
    return Object.values(this.#index.layers).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  directoryOf(layer: string): string {
    return this.#at('layers', layer);
  }

  /** Protects layers from removal, until the caller calls the function that is returned. */
  pin(directories: readonly string[]): () => void {
    const count = (by: number) => {
      for (const path of directories) {
        const pins = (this.#pins.get(path) ?? 0) + by;
        if (pins === 0) this.#pins.delete(path);
        else this.#pins.set(path, pins);
      }
    };
    count(1);
    return () => count(-1);
  }

  /**
   * Makes an empty directory on the same file system. If the caller does not remove it, the next start of niwad does.
   */
  makeTemporary(): string {
    const path = this.#at('tmp', randomBytes(8).toString('hex'));
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /**
   * Adds a layer, unless the store has it. Where several callers add the same layer at a time, it is unpacked once.
   * @param unpack makes the layer, and syncs it to disk
   * @returns whether the store had the layer already
   */
  async addLayer(layer: string, unpack: () => Promise<UnpackedLayer>): Promise<boolean> {
    for (let other = this.#unpacking.get(layer); other !== undefined; other = this.#unpacking.get(layer)) await other;
    if (this.#index.layers[layer] !== undefined) return true;
    let done = () => {};
    this.#unpacking.set(layer, new Promise((resolve) => (done = resolve)));
    try {
      const { directory, bytes } = await unpack();
      const place = this.directoryOf(layer);
      // niwad died after the rename, and before the index was written
      if (existsSync(place)) await removeTree(place);
      renameSync(directory, place);
      syncDirectory(this.#at('layers'));
      this.#save({ ...this.#index, layers: { ...this.#index.layers, [layer]: { bytes } } });
      return false;
    } finally {
      this.#unpacking.delete(layer);
      done();
    }
  }

  /**
   * Adds images whose layers are in the store, with their names: all of them, or none.
   * @throws NiwaError STATE_CONFLICT where an image would have too many names
   */
  addImages(added: readonly { id: string; configBytes: Buffer; layers: string[]; names: readonly string[] }[]): void {
    const importedAt = new Date().toISOString();
    const images = Object.fromEntries(added.map(({ id, layers }) => [id, { layers }]));
    const named = added.flatMap(({ id, names }) => names.map((name) => [name, { id, importedAt }] as const));
    const index = withNames(this.#index, Object.fromEntries(named));
    for (const { id, configBytes } of added) writeSynced(this.#at('configs', id), configBytes);
    this.#save({ ...index, images: { ...index.images, ...images } });
  }

  /** Removes a name. @throws NiwaError NOT_FOUND */
  removeName(reference: string): void {
    this.removeNames([this.#nameOf(reference)]); // not open(): the image's configuration may be damaged
  }

  /** Removes names, all in one step. */
  removeNames(gone: readonly string[]): void {
    this.#save({ ...this.#index, names: pick(this.#index.names, (name) => !gone.includes(name)) });
  }

  /** Says whether the store has neither images nor layers. */
  isEmpty(): boolean {
    const { images, layers } = this.#index;
    return Object.keys(images).length === 0 && Object.keys(layers).length === 0;
  }

  /**
   * Removes the images that have no name, and the layers that no image has, that are not in `used` and that are not
   * pinned.
   * @param used the directories of the layers that containers use
   */
  async collect(used: Iterable<string>): Promise<void> {
    const { names, images, layers } = this.#index;
    const named = new Set(Object.values(names).map(({ id }) => id));
    const keptImages = pick(images, (id) => named.has(id));
    const ofImages = Object.values(keptImages).flatMap((image) => image.layers.map((layer) => this.directoryOf(layer)));
    const wanted = new Set([...ofImages, ...this.#pins.keys(), ...used]);
    const keptLayers = pick(layers, (layer) => wanted.has(this.directoryOf(layer)));
    const gone = [
      ...missing(images, keptImages).map((id) => this.#at('configs', id)),
      ...missing(layers, keptLayers).map((layer) => this.directoryOf(layer)),
    ];
    if (gone.length === 0) return;
    this.#save({ ...this.#index, images: keptImages, layers: keptLayers });
    await this.#remove(gone);
  }

  /**
   * Removes what a niwad that has died left over. Has to be called once, before any import.
   * @param used the directories of the layers that containers use
   */
  async clean(used: Iterable<string>): Promise<void> {
    const inUse = [...used];
    for (const name of readdirSync(this.#at('tmp'))) await removeTree(this.#at('tmp', name));
    const kept = [
      ...Object.keys(this.#index.images).map((id) => this.#at('configs', id)),
      ...Object.keys(this.#index.layers).map((layer) => this.directoryOf(layer)),
      ...inUse,
    ];
    const present = ['configs', 'layers'].flatMap((kind) =>
      readdirSync(this.#at(kind)).map((name) => this.#at(kind, name)),
    );
    await this.#remove(present.filter((path) => !kept.includes(path)));
    await this.collect(inUse);
  }

  /**
   * Removes directories. All are renamed first, in one turn of the event loop: the same layer may be imported again
   * before they are gone.
   */
  async #remove(paths: string[]): Promise<void> {
    const moved = paths.map((path) => {
      const away = this.#at('tmp', randomBytes(8).toString('hex'));
      renameSync(path, away);
      return away;
    });
    for (const path of moved) await removeTree(path);
  }

  /** Gives the index; reads it at the first use. @throws NiwaError HOST_ERROR, see {@link readIndex} */
  get #index(): Index {
    this.#loaded ??= readIndex(this.#at(INDEX));
    return this.#loaded;
  }

  /** Gives the name that a reference means. @throws NiwaError NOT_FOUND */
  #nameOf(reference: string): string {
    const name = parseReference(reference);
    if (this.#index.names[name] === undefined)
      throw new NiwaError(
        'NOT_FOUND',
        `there is no image ${name}: \`niwa image import\` or \`niwa image pull\` brings it`,
      );
    return name;
  }

  #layersOf(id: string): string[] {
    return this.#index.images[id]?.layers ?? [];
  }

  #config(id: string): ImageConfig {
    return this.#readConfig(id, (text) => parseConfig(Buffer.from(text)));
  }

  #readConfig<T>(id: string, parse: (text: string) => T): T {
    const path = this.#at('configs', id);
    const found = loadNow(path, parse);
    if (found.state === 'whole') return found.value;
    const reason = found.state === 'missing' ? 'it is missing' : found.reason;
    throw new NiwaError('HOST_ERROR', `cannot use ${path}, the configuration of an image: ${reason}. Import it again.`);
  }

  #save(index: Index): void {
    writeSynced(this.#at(INDEX), Buffer.from(JSON.stringify(index)));
    this.#loaded = index;
  }

  #at(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }
}
