import type { NiwaError } from '../../protocol/errors.js';
import { refused } from './refusal.js';

/** The groups of the host that decide where the group of a container may be. */
export interface GroupTree {
  /** Where the whole tree of cgroup v2 is mounted. */
  mount: string;
  /** The group in which niwad makes its groups. */
  base: string;
  /** The group below the mount that niwad and its keeper run in; "" and undefined for none that is theirs. */
  own: string | undefined;
}

const FIELD = 'linux.cgroupsPath';

/** Makes the error for a group that would be inside that of a container. @param path where it would be */
export function insideGroupOf(path: string, container: string): NiwaError {
  return refused(
    `${FIELD} ${JSON.stringify(path)}`,
    `it is inside the group of container ${container}, which has it for itself`,
  );
}
/** PATH_MAX without the NUL at the end. */
const LONGEST_BYTES = 4095;
/** niwad's own groups below its base. */
const OWN = ['containers', 'daemon'];

/**
 * Gives the path of the group that a config asks for: an absolute one is below the mount of cgroup v2, a relative one
 * is below `oci` in niwad's own group. Pure.
 * @throws NiwaError SPEC_INVALID for the form of systemd, for `..`, and for a place that niwad has for itself
 */
export function groupPathOf(cgroupsPath: string, { mount, base, own = '' }: GroupTree): string {
  const bytes = Buffer.byteLength(cgroupsPath);
  const longest = LONGEST_BYTES - `${base}/oci/`.length;
  if (bytes > longest) throw refused(FIELD, `it has ${bytes} bytes, and ${longest} are left below niwad's groups`);
  const field = `${FIELD} ${JSON.stringify(cgroupsPath)}`;
  if (/^[^/:]*:[^/:]*:[^/:]+$/.test(cgroupsPath))
    throw refused(field, 'this is a scope of systemd: it needs --systemd-cgroup');
  const parts = cgroupsPath.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw refused(field, 'the root group is not for a container');
  if (parts.some((part) => part === '.' || part === '..')) throw refused(field, 'it may have no . and no ..');
  const path = [cgroupsPath.startsWith('/') ? mount : `${base}/oci`, ...parts].join('/');
  const taken = [mount, base, ...OWN.map((name) => `${base}/${name}`)];
  const isInside = OWN.some((name) => path.startsWith(`${base}/${name}/`));
  const isOfDaemon = own !== '' && `${path}/`.startsWith(`${mount}/${own}/`) && !path.startsWith(`${base}/`);
  if (taken.includes(path) || isInside || isOfDaemon) throw refused(field, 'niwad has its own groups there');
  return path;
}
