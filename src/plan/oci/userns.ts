import type { IdMapping, IdMaps } from '../../protocol/resolved-spec.js';
import { LAST_ID } from '../../spec/ids.js';
import { mapProblems } from '../../spec/userns.js';
import { FIRST_MOUNT_USERNS_FD, USERNS_FD } from '../ops.js';
import { mapFile } from '../userns.js';
import type { OciConfig, OciIdMapping, OciMount } from './config.js';
import { mapsIds } from './mount-words.js';
import type { MountChange } from './ops.js';
import { refused } from './refusal.js';

/** The user namespace of an OCI container, and the id maps of its mounts. */

export interface UserSpace {
  /** The namespace to join; undefined for a new one. */
  path?: string;
  /** Its maps; of one that is joined they are not known, and empty. */
  maps: IdMaps;
}

/** An id map is written at once, and the kernel takes less than a page, see user_namespaces(7). */
const MOST_MAP_BYTES = 4095;
const MOST_LINES = 340;
/** niwa-boot gets a descriptor for each. */
const MOST_MOUNT_MAPS = 17;
const MOUNT_ATTR_IDMAP = 0x10_0000;
const IDMAP_WITH_MAPS = /^r?idmap=/;

/**
 * Gives the user namespace that a config asks for; undefined where it is that of the command. Pure.
 * @throws NiwaError SPEC_INVALID for maps that the kernel would refuse, and for ids that the maps do not have
 */
export function userSpaceOf(config: Pick<OciConfig, 'process' | 'linux'>): UserSpace | undefined {
  const { namespaces = [], uidMappings = [], gidMappings = [], devices = [] } = config.linux ?? {};
  const listed = namespaces.find(({ type }) => type === 'user');
  if (listed === undefined) {
    const field = uidMappings.length > 0 ? 'uidMappings' : 'gidMappings';
    if (uidMappings.length + gidMappings.length > 0)
      throw refused(`linux.${field}`, 'linux.namespaces needs a new one of type user');
    return undefined;
  }
  const { path = '' } = listed;
  if (path !== '') return { path, maps: { uids: [], gids: [] } };
  const maps = {
    uids: mapOf('linux.uidMappings', uidMappings),
    gids: mapOf('linux.gidMappings', gidMappings),
  };
  const { uid, gid, additionalGids = [] } = config.process.user;
  const requireUid = mappedBy('linux.uidMappings', maps.uids);
  const requireGid = mappedBy('linux.gidMappings', maps.gids);
  requireUid(uid, 'process.user.uid');
  requireGid(gid, 'process.user.gid');
  for (const [i, group] of additionalGids.entries()) requireGid(group, `process.user.additionalGids[${i}]`);
  for (const [i, device] of devices.entries()) {
    requireUid(device.uid ?? 0, `linux.devices[${i}].uid`);
    requireGid(device.gid ?? 0, `linux.devices[${i}].gid`);
  }
  return { maps };
}

/**
 * Gives the check that a map has an id. It halves the lines at each step: a config may have tens of thousands of groups
 * and hundreds of lines, and niwad does nothing else meanwhile.
 * @param maps the name of the map in the config
 */
function mappedBy(maps: string, map: readonly IdMapping[]): (id: number, field: string) => void {
  const lines = [...map].sort((a, b) => a.container - b.container);
  return (id, field) => {
    let [first, behind] = [0, lines.length];
    while (first < behind) {
      const middle = (first + behind) >> 1;
      if ((lines[middle]?.container ?? 0) <= id) first = middle + 1;
      else behind = middle;
    }
    const line = lines[first - 1];
    if (line === undefined || id >= line.container + line.size) throw refused(field, `${maps} has no id ${id}`);
  };
}

function mapOf(field: string, mappings: readonly OciIdMapping[]): IdMapping[] {
  if (mappings.length === 0) throw refused(field, 'a new user namespace needs it');
  if (mappings.length > MOST_LINES) throw refused(field, `the kernel takes at most ${MOST_LINES}`);
  const map = mappings.map(({ containerID = 0, hostID = 0, size = 0 }, i) => {
    for (const [name, value] of Object.entries({ containerID, hostID }))
      if (!(value >= 0 && value <= LAST_ID))
        throw refused(`${field}[${i}].${name}`, `it has to be from 0 to ${LAST_ID}`);
    if (!(size >= 1 && size <= LAST_ID + 1)) throw refused(`${field}[${i}].size`, 'it has to be at least 1');
    return { container: containerID, host: hostID, size };
  });
  for (const { path, allowed } of mapProblems(field, map)) throw refused(path, `allowed are ${allowed}`);
  if (mapFile(map).length > MOST_MAP_BYTES) throw refused(field, `the kernel takes at most ${MOST_MAP_BYTES} bytes`);
  return map;
}

/** The id maps of mounts: each different one once, in the order of the descriptors of their user namespaces. */
export class MountMaps {
  readonly maps: readonly IdMaps[];
  readonly #names: readonly string[];
  readonly #hasOwn: boolean;

  /**
   * @param user the user namespace of the container
   * @throws NiwaError SPEC_INVALID for maps that the kernel would refuse, and for too many
   */
  constructor({ mounts = [] }: Pick<OciConfig, 'mounts'>, user: UserSpace | undefined) {
    const own = mounts.flatMap((item, i) => mapsOfMount(item, `mounts[${i}]`) ?? []);
    const once = new Map(own.map((maps) => [JSON.stringify(maps), maps]));
    if (once.size > MOST_MOUNT_MAPS)
      throw refused('mounts', `at most ${MOST_MOUNT_MAPS} different id maps are supported`);
    this.maps = [...once.values()];
    this.#names = [...once.keys()];
    this.#hasOwn = user !== undefined && user.path === undefined;
  }

  /**
   * Gives the change that maps the ids of a mount: by maps of its own, or by those of the container.
   * @param field its name in the config, for errors
   * @throws NiwaError SPEC_INVALID where there is no such map
   */
  changesOf(item: OciMount, field: string): MountChange[] {
    const own = mapsOfMount(item, field);
    const words = (item.options ?? []).filter(mapsIds);
    if (own === undefined && words.length === 0) return [];
    if (own === undefined && !this.#hasOwn)
      throw refused(`${field}.options "${words[0]}"`, 'it needs uidMappings, or a new user namespace of the container');
    const userns = own === undefined ? USERNS_FD : FIRST_MOUNT_USERNS_FD + this.#names.indexOf(JSON.stringify(own));
    return [
      {
        recursive: words.some((word) => word.startsWith('r')),
        set: MOUNT_ATTR_IDMAP,
        clear: 0,
        propagation: 0,
        userns,
      },
    ];
  }
}

/** Whether a mount of a config has its ids mapped. Pure. */
export function hasMappedIds({ uidMappings = [], gidMappings = [], options = [] }: OciMount): boolean {
  return uidMappings.length + gidMappings.length > 0 || options.some(mapsIds);
}

/** The maps of a mount in the form of mount_setattr(2): an id on disk, and the host id that stands for it. */
function mapsOfMount(item: OciMount, field: string): IdMaps | undefined {
  const word = item.options?.find((each) => IDMAP_WITH_MAPS.test(each));
  const { uidMappings = [], gidMappings = [] } = item;
  const hasFields = uidMappings.length + gidMappings.length > 0;
  if (hasFields && word !== undefined)
    throw refused(`${field}.options "${word}"`, 'the mount has uidMappings or gidMappings, too: leave one out');
  if (hasFields)
    return { uids: mapOf(`${field}.uidMappings`, uidMappings), gids: mapOf(`${field}.gidMappings`, gidMappings) };
  return word === undefined ? undefined : mapsOfWord(word, `${field}.options "${word}"`);
}

/** An option with the maps in it, as crun has it: `idmap=uids=0-100000-65536;gids=0-100000-1000#1000-1000-1`. */
function mapsOfWord(word: string, field: string): IdMaps {
  const parts = word.slice(word.indexOf('=') + 1).split(';');
  const mapsOf = (name: 'uids' | 'gids') => {
    const lines = parts.find((part) => part.startsWith(`${name}=`))?.slice(`${name}=`.length) ?? '';
    return lines.split('#').map((text) => {
      const [, containerID, hostID, size] = /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(text) ?? [];
      if (size === undefined) throw refused(field, `${name} has to be such as ${name}=0-100000-65536`);
      return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) };
    });
  };
  return { uids: mapOf(field, mapsOf('uids')), gids: mapOf(field, mapsOf('gids')) };
}
