import type { Logger } from 'pino';
import { type Allowed, type Caller, nameForTurns } from '../access/allowed.js';
import type { Policy } from '../access/operations.js';
import { requireVolumePermission } from '../access/permissions.js';
import { DEFAULT_STATE_DIR } from '../installation/defaults.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { VolumeInfo, VolumesPruned } from '../protocol/volumes.js';
import { FairTurns } from '../turns/fair-turns.js';
import { LoopTurns } from '../turns/loop-turns.js';
import type { Volume, VolumeStore } from '../volumes/store.js';

/** How many volumes a user other than root may have. */
const MOST_OF_A_USER = 100;

export interface VolumesOptions {
  store: VolumeStore;
  policy: Policy;
  allowed: Allowed;
  /** The specs of all containers, also of exited ones and of those that are being made, which may be started again. */
  specs(): Iterable<Spec>;
  /** For each volume that a service or a pool names, who names it: `service NAME`, `pool NAME`. */
  ofTemplates(): ReadonlyMap<string, string[]>;
  log: Logger;
}

/** The operations on named volumes. */
export class Volumes {
  readonly #options: VolumesOptions;
  /** Making and removing a volume syncs its directory to disk. */
  readonly #changing = new LoopTurns();
  /** One size is counted at a time for root, and one for all other callers: each count keeps a disk busy. */
  readonly #counting = new FairTurns({ root: 1, callers: 1, each: 1 });

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  /** Removes what an earlier niwad has left. A failure is logged. */
  async open(): Promise<void> {
    await this.#options.store.clean().catch((error: unknown) => this.#warn(error));
  }

  /** @param size whether the size of each is counted, which may take long */
  async list(size: boolean, caller: Caller): Promise<VolumeInfo[]> {
    const users = this.#users();
    const infos: VolumeInfo[] = [];
    for (const volume of this.#options.store.list()) infos.push(await this.#info(volume, users, size ? caller : null));
    return infos;
  }

  /** @throws NiwaError NOT_FOUND */
  async inspect(name: string, caller: Caller): Promise<VolumeInfo> {
    return await this.#info(this.#get(name), this.#users(), caller);
  }

  /** Makes a volume of the caller, or gives the one that the caller has. @throws NiwaError FORBIDDEN, HOST_ERROR */
  async create(name: string, caller: Caller): Promise<VolumeInfo> {
    const { store, policy, allowed } = this.#options;
    policy.require('createVolume', caller);
    requireVolumePermission(caller, allowed);
    const volume = await this.#changing.run(nameForTurns(caller), () => {
      const known = store.find(name);
      if (known === undefined) requireRoom(store, caller.uid);
      return store.ensure(name, caller.uid === 0 ? (known?.uid ?? 0) : caller.uid, null);
    });
    return await this.#info(volume, this.#users(), null);
  }

  /** Removes a volume with its files. @throws NiwaError NOT_FOUND, FORBIDDEN, STATE_CONFLICT, HOST_ERROR */
  async remove(name: string, caller: Caller): Promise<void> {
    this.#options.policy.require('removeVolume', caller);
    await this.#changing.run(nameForTurns(caller), () => this.#removeUnused(name, caller));
  }

  #removeUnused(name: string, caller: Caller): void {
    const volume = this.#get(name);
    if (!isOf(volume, caller))
      throw new NiwaError('FORBIDDEN', `user ${caller.uid} may not remove volume ${name} of user ${volume.uid}`);
    const users = this.#users().get(name) ?? [];
    if (users.length > 0)
      throw new NiwaError(
        'STATE_CONFLICT',
        `volume ${name} is in use by ${users.slice(0, 5).join(', ')}: remove them first, also where they have ended`,
      );
    this.#options.store.remove(name, (error) => this.#warn(error));
  }

  /** Removes all volumes of the caller that nothing uses; for root those of all users. */
  async prune(caller: Caller): Promise<VolumesPruned> {
    const { store, policy } = this.#options;
    policy.require('pruneVolumes', caller);
    const users = this.#users();
    const unused = store.list().filter((volume) => isOf(volume, caller) && !users.has(volume.name));
    const removed: string[] = [];
    for (const { name } of unused)
      if (await this.#changing.run(nameForTurns(caller), () => this.#removeIfUnused(name, caller))) removed.push(name);
    return { removed };
  }

  /** Removes a volume that nothing uses; gives whether it was one: it may be used, or be gone, since it was listed. */
  #removeIfUnused(name: string, caller: Caller): boolean {
    if (this.#options.store.find(name) === undefined || this.#users().has(name)) return false;
    this.#removeUnused(name, caller);
    return true;
  }

  #get(name: string): Volume {
    const volume = this.#options.store.find(name);
    if (volume !== undefined) return volume;
    throw new NiwaError('NOT_FOUND', `there is no volume ${name}`);
  }

  /** @param asker for whom the size is counted; null for no size */
  async #info(
    { name, uid, createdAt }: Volume,
    users: ReadonlyMap<string, string[]>,
    asker: Caller | null,
  ): Promise<VolumeInfo> {
    const count = () => this.#options.store.sizeOf(name);
    const bytes = asker === null ? null : await this.#counting.run(nameForTurns(asker), count);
    return { name, uid, created_at: createdAt, used_by: users.get(name) ?? [], bytes };
  }

  /** For each volume that is in use, the containers and services that name it. */
  #users(): Map<string, string[]> {
    const users = new Map<string, string[]>();
    const add = (volume: string, user: string) => users.set(volume, [...(users.get(volume) ?? []), user]);
    for (const { id, mounts } of this.#options.specs()) for (const name of new Set(volumesOf(mounts))) add(name, id);
    for (const [name, users] of this.#options.ofTemplates()) for (const one of users) add(name, one);
    return users;
  }

  #warn(error: unknown): void {
    this.#options.log.warn({ err: error }, `the files of a removed volume stay: ${messageOf(error)}`);
  }
}

/** Gives the names of the volumes that mounts name. */
function volumesOf(mounts: Spec['mounts']): string[] {
  return mounts.flatMap((mount) => (mount.type === 'bind' && mount.volume !== undefined ? [mount.volume.name] : []));
}

function isOf({ uid }: Volume, caller: Caller): boolean {
  return caller.uid === 0 || caller.uid === uid;
}

/** @throws NiwaError FORBIDDEN where a user has as many volumes as one may have */
function requireRoom(store: VolumeStore, uid: number): void {
  const count = uid === 0 ? 0 : store.list().filter((volume) => volume.uid === uid).length;
  if (count >= MOST_OF_A_USER)
    throw new NiwaError('FORBIDDEN', `user ${uid} has ${count} volumes, and may not have more: remove one first`);
}

/**
 * Gives a spec with the directories of its volumes. Nothing is made: a volume that does not exist will be the caller's.
 * @param store null where no niwad runs
 */
export function locateVolumes(spec: Spec, caller: Caller, store: VolumeStore | null): Spec {
  if (volumesOf(spec.mounts).length === 0) return spec;
  const mounts = spec.mounts.map((mount) => {
    if (mount.type !== 'bind' || mount.volume === undefined) return mount;
    const { name } = mount.volume;
    const source = store?.pathOf(name) ?? `${DEFAULT_STATE_DIR}/volumes/all/${name}/data`;
    return { ...mount, source, volume: { name, uid: store?.find(name)?.uid ?? caller.uid } };
  });
  return { ...spec, mounts };
}

/**
 * Throws where the ids of a container cannot be kept in its volumes.
 * @throws NiwaError HOST_UNSUPPORTED
 */
export function requireMappedVolumes({ mounts }: Spec): void {
  for (const mount of mounts)
    if (mount.type === 'bind' && mount.volume !== undefined && mount.idmap === 'unsupported')
      throw new NiwaError(
        'HOST_UNSUPPORTED',
        `volume ${mount.volume.name} is on a file system that this kernel cannot id-map, so a container could not write to it: put niwad's stateDir on ext4, XFS or btrfs, see \`niwa doctor\``,
      );
}

/**
 * Makes the volumes of a spec that do not exist yet; they stay if the container is not made.
 * @param spec settled, and reserved: from then on its volumes count as used
 * @throws NiwaError FORBIDDEN, HOST_ERROR
 */
export function ensureVolumes({ mounts, process }: Spec, store: VolumeStore): void {
  for (const mount of mounts) {
    if (mount.type !== 'bind' || mount.volume === undefined) continue;
    const { name, uid } = mount.volume;
    if (store.find(name) === undefined) requireRoom(store, uid);
    store.ensure(name, uid, { uid: process.uid, gid: process.gid });
  }
}
