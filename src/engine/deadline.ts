import type { Deadline } from '../kernel/containers.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { knownSignal } from '../spec/signals.js';

/**
 * Gives a deadline for the kernel: at `atNs` the stop signal, and after `timeoutUsec` the kill. Pure.
 * @param atNs a moment of CLOCK_BOOTTIME; 0n for none
 * @param cause one of CAUSE
 * @param timeoutUsec that of the spec unless given, and so is `signal`
 */
export function deadlineOf(
  spec: Spec,
  atNs: bigint,
  cause: number,
  timeoutUsec = spec.stopTimeoutUsec,
  signal = spec.stopSignal,
): Deadline {
  return { atNs, cause, signal: knownSignal(signal), timeoutNs: BigInt(timeoutUsec) * 1000n };
}
