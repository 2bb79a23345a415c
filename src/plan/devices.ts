/** A device that a container may make, read and write. The number -1 means any number. */
export interface DeviceRule {
  type: 'c' | 'b';
  major: number;
  minor: number;
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
  const words = rules.map(({ type, major, minor }) => `${type} ${major}:${minor < 0 ? '*' : minor}`);
  return `let only these devices be used: ${words.join(', ')}`;
}
