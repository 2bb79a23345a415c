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

/** The devices that every container may use: null, zero, full, random, urandom, tty, ptmx, and its own terminals. */
export const USUAL_DEVICES: DeviceRule[] = [
  ...[3, 5, 7, 8, 9].map((minor): DeviceRule => ({ type: 'c', major: 1, minor })),
  { type: 'c', major: 5, minor: 0 },
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
