import { readFileSync } from 'node:fs';

let known: bigint | undefined;

/**
 * Gives the bounding set of this process, see capabilities(7): bit n is capability n. It is read once. What is
 * missing here, no process can have that niwad makes, unless it is in a user namespace of its own.
 */
export function ownCapabilities(): bigint {
  known ??= BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  return known;
}
