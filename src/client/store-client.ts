import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ContainerStatus } from '../protocol/container.js';
import type { CopyInQuery, CopyOutQuery } from '../protocol/files.js';
import type { ImageDetails, ImageInfo, ImagesPruned, ImportProgress } from '../protocol/images.js';
import type { PoolInput, PoolStatus } from '../protocol/pools.js';
import type { VolumeInfo, VolumesPruned } from '../protocol/volumes.js';
import { importImage } from './import-image.js';
import { pathOf, pathOfPool } from './paths.js';
import { Transport } from './transport.js';

/** The part of the API about what niwad keeps for containers. */
export class StoreClient {
  protected readonly http: Transport;

  /** @param socket the path of niwad's socket */
  constructor(socket: string) {
    this.http = new Transport(socket);
  }

  /** Gives a file or a directory of a container as a tar; an error while it comes destroys the stream. */
  copyFrom(id: string, query: CopyOutQuery): Promise<Readable> {
    return this.http.request('GET', `${pathOf(id)}/files`, { query });
  }

  /** Unpacks a tar in a container. */
  async copyTo(id: string, tar: Readable, { path, name, owners }: CopyInQuery): Promise<void> {
    const query = new URLSearchParams({ path, ...(name === undefined ? {} : { name }) });
    if (owners) query.set('owners', 'true');
    await text(await this.http.upload(`${pathOf(id)}/files?${query}`, tar, 'PUT'));
  }

  /** Gives the images, one for each name. */
  images(): Promise<ImageInfo[]> {
    return this.http.json('GET', '/v1/images');
  }

  /**
   * Imports the image in a tar, which is an OCI image layout or the output of `docker save`; gives the daemon's
   * progress messages until the image is stored.
   * @param tar the bytes of the tar
   * @param name the name of the image, in place of the names in the tar
   */
  importImage(tar: Readable, name?: string): AsyncGenerator<ImportProgress> {
    return importImage(this.http, tar, name);
  }

  /** Gives an image with its names, and what its containers get from it. */
  inspectImage(name: string): Promise<ImageDetails> {
    return this.http.json('GET', '/v1/images/inspect', { query: { name } });
  }

  /** Gives an image one more name; an image that had this name loses it. */
  tagImage(name: string, added: string): Promise<ImageInfo> {
    return this.http.json('PUT', '/v1/images/tag', { query: { name, added } });
  }

  /** Removes the images that neither a container nor a service uses. */
  pruneImages(): Promise<ImagesPruned> {
    return this.http.json('POST', '/v1/images/prune');
  }

  /** Gives an image as the tar of an OCI image layout; an error while it comes destroys the stream. */
  saveImage(name: string): Promise<Readable> {
    return this.http.request('GET', '/v1/images/tar', { query: { name } });
  }

  /** Removes a name of an image. */
  async removeImage(name: string): Promise<void> {
    await text(await this.http.request('DELETE', '/v1/images', { query: { name } }));
  }

  /** Gives the caller's pools, in the order of their names; for root those of all users. */
  pools(): Promise<PoolStatus[]> {
    return this.http.json('GET', '/v1/pools');
  }

  pool(name: string): Promise<PoolStatus> {
    return this.http.json('GET', pathOfPool(name));
  }

  /** Makes a pool, or changes the one of this name that the caller has. */
  createPool(pool: PoolInput): Promise<PoolStatus> {
    return this.http.json('POST', '/v1/pools', { body: pool });
  }

  /** Removes a pool and what it has ready; containers that were started go on. */
  async removePool(name: string): Promise<void> {
    await text(await this.http.request('DELETE', pathOfPool(name)));
  }

  /**
   * Starts a container of a pool: one that is ready, or a new one. `ready` also waits until it is ready or can no
   * longer become ready; `wait` also waits for its end.
   */
  startFromPool(name: string, options: { ready?: boolean; wait?: boolean } = {}): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOfPool(name)}/start`, { query: options });
  }

  /** Gives all volumes; with `size` also what their files take on disk, which may take long. */
  volumes({ size = false } = {}): Promise<VolumeInfo[]> {
    return this.http.json('GET', '/v1/volumes', { query: { size } });
  }

  volume(name: string): Promise<VolumeInfo> {
    return this.http.json('GET', `/v1/volumes/${encodeURIComponent(name)}`);
  }

  /** Makes a volume, or gives the one of this name that the caller has. */
  createVolume(name: string): Promise<VolumeInfo> {
    return this.http.json('POST', '/v1/volumes', { body: { name } });
  }

  /** Removes a volume with its files, unless a container or a service names it. */
  async removeVolume(name: string): Promise<void> {
    await text(await this.http.request('DELETE', `/v1/volumes/${encodeURIComponent(name)}`));
  }

  /** Removes the caller's volumes that nothing uses; for root those of all users. */
  pruneVolumes(): Promise<VolumesPruned> {
    return this.http.json('POST', '/v1/volumes/prune');
  }
}
