import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, NiwaError } from '../errors.js';
import { loadNow } from '../host/stored-file.js';
import type { ImageInfo } from '../protocol/images.js';
import { parseReference } from '../spec/reference.js';
import { type ImageConfig, parseConfig } from './config.js';
import { type Index, readIndex, syncDirectory, writeSynced } from './index-file.js';

const INDEX = 'index.json';

/** A layer that was unpacked into a directory of its own, to be taken into the store. */
export interface UnpackedLayer {
  directory: string;
  bytes: number;
}

const run = promisify(execFile);

/**
 * Images by content: a layer is a directory by its chain id, an image its configuration by digest, and names lead to images. One index, replaced in one step, says what there is; what it does not name is left over from a crash. A store belongs
 * to one daemon.
 */
export class ImageStore {
  readonly #directory: string;
  /** Layers that an import or the making of a container uses, which the index does not have. */
  readonly #pins = new Map<string, number>();
  /** Layers that are being unpacked. */
  readonly #unpacking = new Map<string, Promise<void>>();
  /** The index, once it could be read. Until then operations on images are refused; containers are not concerned. */
  #loaded: Index | null = null;

  /**
   * @param directory made where it is missing; nobody but root can enter it, since files in it may be setuid
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#directory = realpathSync(directory); // the form of paths in the layers of a spec
      for (const kind of ['layers', 'configs', 'tmp']) mkdirSync(this.#at(kind), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot use the images in ${directory}: ${messageOf(error)}`, { cause: error });
    }
  }

  list(): ImageInfo[] {
    const names = Object.keys(this.#index.names).sort();
    return names.flatMap((name) => this.find(name) ?? []);
  }

  /** Gives the image of a name, as {@link parseReference} gives it. */
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

  /** Gives the image of a name, its configuration and its layers as directories, topmost first. @throws NiwaError NOT_FOUND */
  open(reference: string): { info: ImageInfo; config: ImageConfig; directories: string[] } {
    const info = this.find(this.#nameOf(reference)) as ImageInfo;
    const id = info.id.slice('sha256:'.length);
    const directories = this.#layersOf(id).map((layer) => this.directoryOf(layer));
    return { info, config: this.#config(id), directories: directories.reverse() };
  }

  directoryOf(layer: string): string {
    return this.#at('layers', layer);
  }

  /** Protects layers from removal until the returned function is called. */
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

  /** Makes an empty directory on the same file system, which is removed at the next start if nobody does it before. */
  makeTemporary(): string {
    const path = this.#at('tmp', randomBytes(8).toString('hex'));
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /** Removes a directory with its content; its names may be any bytes, and its depth is not bounded. */
  async removeTree(path: string): Promise<void> {
    await run('rm', ['-rf', '--one-file-system', '--', path]);
  }

  /**
   * Makes sure that a layer is there: once, also where several want it at the same time.
   * @param unpack makes it; to be synced to disk
   * @returns whether it was there already
   */
  async addLayer(layer: string, unpack: () => Promise<UnpackedLayer>): Promise<boolean> {
    for (let other = this.#unpacking.get(layer); other !== undefined; other = this.#unpacking.get(layer)) await other;
    if (this.#index.layers[layer] !== undefined) return true;
    let done = () => {};
    this.#unpacking.set(layer, new Promise((resolve) => (done = resolve)));
    try {
      const { directory, bytes } = await unpack();
      const place = this.directoryOf(layer);
      if (existsSync(place)) await this.removeTree(place); // left over by a crash before the index was written
      renameSync(directory, place);
      syncDirectory(this.#at('layers'));
      this.#save({ ...this.#index, layers: { ...this.#index.layers, [layer]: { bytes } } });
      return false;
    } finally {
      this.#unpacking.delete(layer);
      done();
    }
  }

  /** Adds images whose layers are in the store, and gives them their names: to all of them, or to none. */
  addImages(added: readonly { id: string; configBytes: Buffer; layers: string[]; names: readonly string[] }[]): void {
    for (const { id, configBytes } of added) writeSynced(this.#at('configs', id), configBytes);
    const importedAt = new Date().toISOString();
    const images = added.map(({ id, layers }) => [id, { layers }]);
    const named = added.flatMap(({ id, names }) => names.map((name) => [name, { id, importedAt }]));
    this.#save({
      ...this.#index,
      images: { ...this.#index.images, ...Object.fromEntries(images) },
      names: { ...this.#index.names, ...Object.fromEntries(named) },
    });
  }

  /** Forgets a name. @throws NiwaError NOT_FOUND */
  removeName(reference: string): void {
    const name = this.#nameOf(reference); // its configuration may be damaged
    const { [name]: _gone, ...names } = this.#index.names;
    this.#save({ ...this.#index, names });
  }

  /** Whether it has neither images nor layers. */
  isEmpty(): boolean {
    const { images, layers } = this.#index;
    return Object.keys(images).length === 0 && Object.keys(layers).length === 0;
  }

  /**
   * Removes the images that have no name, and the layers that are of no image, not in `used` and not pinned.
   * @param used directories of layers that containers have
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
   * Removes the leftovers of a niwad that has died; to be called once, before any import.
   * @param used directories of layers that containers have
   */
  async clean(used: Iterable<string>): Promise<void> {
    const inUse = [...used];
    for (const name of readdirSync(this.#at('tmp'))) await this.removeTree(this.#at('tmp', name));
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

  /** Renames all of them before the event loop has another turn: a layer may be imported again while the old one is being removed. */
  async #remove(paths: string[]): Promise<void> {
    const moved = paths.map((path) => {
      const away = this.#at('tmp', randomBytes(8).toString('hex'));
      renameSync(path, away);
      return away;
    });
    for (const path of moved) await this.removeTree(path);
  }

  /** @throws NiwaError HOST_ERROR, see {@link readIndex} */
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
    const path = this.#at('configs', id);
    const found = loadNow(path, (text) => parseConfig(Buffer.from(text)));
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

function pick<T>(record: Record<string, T>, wanted: (key: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => wanted(key)));
}

function missing(before: object, after: object): string[] {
  return Object.keys(before).filter((key) => !(key in after));
}
