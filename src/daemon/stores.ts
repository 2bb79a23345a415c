import type { Logger } from 'pino';
import type { Allowed } from '../access/allowed.js';
import type { Runtime } from '../containers/runtime.js';
import { Volumes } from '../containers/volumes.js';
import { Images, type ImageUse } from '../images/images.js';
import type { ImageLimits } from '../images/limits.js';
import type { ImageStore } from '../images/store.js';
import type { Pools } from '../pools/pools.js';
import type { PoolTemplateInput } from '../protocol/pools.js';
import type { TemplateInput } from '../protocol/service.js';
import type { Services } from '../services/services.js';
import { parseReference } from '../spec/reference.js';
import type { VolumeStore } from '../volumes/store.js';

/** What {@link makeStores} uses. */
export interface StoresOptions {
  imageStore: ImageStore;
  volumeStore: VolumeStore;
  limits: ImageLimits;
  runtime: Runtime;
  services: Services;
  pools: Pools;
  allowed: Allowed;
  log: Logger;
}

/** The operations on images and volumes. */
export interface Stores {
  images: Images;
  volumes: Volumes;
}

/** Makes the operations on images and volumes. */
export function makeStores(options: StoresOptions): Stores {
  const { imageStore, volumeStore, limits, runtime, services, pools, allowed, log } = options;
  const users = { layers: () => layersInUse(runtime), images: () => imagesInUse(runtime, services, pools) };
  const images = new Images(imageStore, limits, users, log);
  const { policy, specs } = runtime;
  const ofTemplates = () => volumesOfTemplates(services, pools);
  const volumes = new Volumes({ store: volumeStore, policy, allowed, specs, ofTemplates, log });
  return { images, volumes };
}

/** Removes what an earlier niwad has left over of images and volumes; to be called when its containers are known. */
export async function openStores({ images, volumes }: Stores, runtime: Pick<Runtime, 'subscribe'>): Promise<void> {
  await Promise.all([images.open(), volumes.open()]);
  runtime.subscribe(({ type }) => type === 'exit' && images.tidy());
}

/** Gives the directories that are roots, or layers of roots, of containers that have not exited, or may run again. */
function layersInUse(runtime: Runtime): Set<string> {
  const users = runtime.list().filter(({ state, mayRunAgain }) => state !== 'exited' || mayRunAgain);
  return new Set(users.flatMap(({ spec }) => spec.root.layers ?? []));
}

/**
 * Gives the images that containers, services and pools name. Exited containers count, too, as long as they are listed:
 * they may be started again.
 */
function imagesInUse(runtime: Runtime, services: Services, pools: Pools): ImageUse {
  const ofContainers = runtime.list().flatMap(({ spec }) => spec.root.image ?? []);
  const ofTemplates = templatesOf(services, pools).flatMap(({ template }) => template.root?.image ?? []);
  return {
    names: new Set([...ofContainers.map(({ name }) => name), ...ofTemplates.map(parseReference)]),
    ids: new Set(ofContainers.map(({ id }) => id)),
  };
}

/** Gives for each volume that services and pools name who names it, as `service NAME` or `pool NAME`. */
function volumesOfTemplates(services: Services, pools: Pools): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { of, template } of templatesOf(services, pools))
    for (const mount of template.mounts ?? [])
      if (mount.type === 'volume') users.set(mount.source, [...new Set([...(users.get(mount.source) ?? []), of])]);
  return users;
}

function templatesOf(services: Services, pools: Pools): { of: string; template: TemplateInput | PoolTemplateInput }[] {
  return [
    ...services.list().map(({ name, spec }) => ({ of: `service ${name}`, template: spec.template as TemplateInput })),
    ...pools.templates().map(({ name, template }) => ({ of: `pool ${name}`, template })),
  ];
}
