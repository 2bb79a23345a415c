/**
 * A device that a container may make, read and write. The number -1 means any number, the type `a` both types. Of
 * several rules for a device, the last one decides on each kind of access.
 */
export interface DeviceRule {
  type: 'c' | 'b' | 'a';
  major: number;
  minor: number;
  /** The kinds of access that the rule is for: `r`, `w`, `m` (mknod); missing for all. */
  access?: string;
  /** Set where the rule forbids. */
  forbids?: true;
}

/** The nodes in every /dev: path, and the major (1: memory, 5: terminals) and minor number. */
export const DEVICE_NODES: readonly (readonly [path: string, major: number, minor: number])[] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
];
/** The links in every /dev: target and path. */
export const DEVICE_LINKS: readonly (readonly [target: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
];

/** The devices that every container may use: null, zero, full, random, urandom, tty, ptmx, and its own terminals. */
export const USUAL_DEVICES: DeviceRule[] = [
  ...DEVICE_NODES.map(([, major, minor]): DeviceRule => ({ type: 'c', major, minor })),
  { type: 'c', major: 5, minor: 2 },
  { type: 'c', major: 136, minor: -1 },
];

/** Gives the words of the step that sets a device filter. */
export function deviceText(rules: readonly DeviceRule[]): string {
  return `let only these devices be used: ${rules.map(ruleText).join(', ')}`;
}

function ruleText({ type, major, minor, access, forbids }: DeviceRule): string {
  const number = (value: number) => (value < 0 ? '*' : value);
  const words = `${type} ${number(major)}:${number(minor)}${access === undefined ? '' : ` ${access}`}`;
  return forbids ? `not ${words}` : words;
}
