import type { Deadline } from '../kernel/containers.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { knownSignal } from '../spec/signals.js';

/**
 * Gives a deadline for the kernel's side: it sends the stop signal at `atNs`, and kills after `timeoutUsec`. Pure.
 * @param atNs a moment of CLOCK_BOOTTIME; 0n for no deadline
 * @param cause one of CAUSE
 * @param timeoutUsec the stop timeout of the spec unless given; `signal`: the stop signal of the spec unless given
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
