/** One device that may be read, written and made; -1 stands for any number. */
export interface DeviceRule {
  type: 'c' | 'b';
  major: number;
  minor: number;
}

/** The devices of every container: null, zero, full, random, urandom, tty, ptmx, and its terminals. */
export const USUAL_DEVICES: DeviceRule[] = [
  ...[3, 5, 7, 8, 9].map((minor): DeviceRule => ({ type: 'c', major: 1, minor })),
  { type: 'c', major: 5, minor: 0 },
  { type: 'c', major: 5, minor: 2 },
  { type: 'c', major: 136, minor: -1 },
];

/** Gives the words for a device filter. */
export function deviceText(rules: readonly DeviceRule[]): string {
  const words = rules.map(({ type, major, minor }) => `${type} ${major}:${minor < 0 ? '*' : minor}`);
  return `let only these devices be used: ${words.join(', ')}`;
}
