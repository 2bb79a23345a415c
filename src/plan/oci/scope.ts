import type { OciScope } from '../../protocol/resolved-oci.js';
import { refused } from './refusal.js';

/** Scopes of systemd: units whose group systemd makes, and lets niwad divide (`Delegate=yes`), see systemd.scope(5). */

const FIELD = 'linux.cgroupsPath';
/** The longest name of a unit, see systemd.unit(5). */
const LONGEST = 255;
const UNIT = /^[\w:.\\@-]+$/;
/** systemd writes another name for the groups of such units: the kernel has files of these names. */
const OTHERWISE_WRITTEN = /^([_.]|cgroup\.|(cpu|cpuacct|cpuset|io|blkio|memory|devices|pids)\.)/;
/** The group of the container in its scope. */
const CONTAINER = 'container';

/**
 * Gives the scope that a config asks for by `slice:prefix:name`; without a `cgroupsPath` that of the container's id.
 * Pure.
 * @param id what the engine calls the container
 * @throws NiwaError SPEC_INVALID for another form, and for names that no unit can have
 */
export function scopeOf(cgroupsPath: string, id: string): OciScope {
  const field = cgroupsPath === '' ? 'the id of the container' : `${FIELD} ${JSON.stringify(cgroupsPath)}`;
  const parts = cgroupsPath === '' ? ['', 'niwa-oci', escaped(id)] : cgroupsPath.split(':');
  const [slice = '', prefix = '', name = ''] = parts;
  if (parts.length !== 3 || name === '')
    throw refused(field, 'with the cgroup manager "systemd" it has to be slice:prefix:name');
  const unit = `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  const scope = { unit, slice: sliceOf(slice) };
  if (!isSlice(scope.slice)) throw refused(field, `no slice of systemd can be called ${scope.slice}`);
  if (unit.length > LONGEST) throw refused(field, `the name of a unit has at most ${LONGEST} characters`);
  if (!UNIT.test(unit) || OTHERWISE_WRITTEN.test(unit)) throw refused(field, `niwa-oci makes no scope called ${unit}`);
  return scope;
}

/** Of the characters of an id only this one has to be written in another way, see systemd-escape(1). */
const escaped = (id: string) => id.replaceAll('+', '\\x2b');

function sliceOf(slice: string): string {
  if (slice === '') return 'system.slice';
  return slice === '-' ? ROOT_SLICE : slice;
}

const ROOT_SLICE = '-.slice';

function isSlice(slice: string): boolean {
  if (slice === ROOT_SLICE) return true;
  const isName = slice.length <= LONGEST && UNIT.test(slice) && !OTHERWISE_WRITTEN.test(slice);
  return isName && /^[^-]+(-[^-]+)*\.slice$/.test(slice);
}

/**
 * Gives the path of the group of a container in a scope below the top group of systemd: `a-b.slice` is in `a.slice`,
 * see systemd.slice(5). Pure.
 */
export function groupInScope({ unit, slice }: OciScope): string {
  const words = slice === ROOT_SLICE ? [] : slice.slice(0, -'.slice'.length).split('-');
  const slices = words.map((_, i) => `${words.slice(0, i + 1).join('-')}.slice`);
  return [...slices, unit, CONTAINER].join('/');
}
