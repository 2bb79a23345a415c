import type { Container } from '../engine/container.js';
import { deadlineOf } from '../engine/deadline.js';
import { CAUSE } from '../engine/exit.js';
import type { StartWish } from '../engine/maker.js';
import type { Started } from '../kernel/containers.js';
import { isKernelError } from '../kernel/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { Parts } from './parts.js';

type StartParts = Pick<Parts, 'books' | 'registry' | 'containerHooks'>;

/** Takes the result of a start. If the container ends before the result has arrived, the end waits for the result. */
export function takeStart(parts: StartParts, container: Container, starting: Promise<Started>): Promise<void> {
  const begun = takeAnswer(parts, container, starting);
  container.control.endAfter(begun);
  return begun;
}

async function takeAnswer(
  { books, registry, containerHooks }: StartParts,
  container: Container,
  starting: Promise<Started>,
): Promise<void> {
  try {
    const started = await starting;
    crashPoint('started');
    container.takeStart(started);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    container.failStart(error);
    return;
  }
  books.save(container, 'started');
  crashPoint('started-saved');
  registry.tell('start', container.spec);
  containerHooks.attend(container);
}

/** Throws if the workload was not executed, after waiting for the container's end. @throws NiwaError START_FAILED */
export async function requireStarted({ endings }: Pick<Parts, 'endings'>, container: Container): Promise<void> {
  const { startError } = container;
  if (startError === null) return;
  await endings.ended(container);
  throw startError;
}

/**
 * Runs the hooks of a container that has started; if a hook fails, ends the container.
 * @throws NiwaError HOOK_FAILED
 */
export async function afterStart(
  { endings, containerHooks }: Pick<Parts, 'endings' | 'containerHooks'>,
  container: Container,
): Promise<void> {
  await containerHooks.afterStart(container).catch((error: unknown) => endings.fail(container, error));
}

/**
 * What a start asks of the kernel's side: the lifetime, shortened by the random jitter of this start, and how the
 * container is ended at its deadline.
 */
export function startWish(spec: Spec): StartWish {
  const lifetimeNs = BigInt(effectiveLifetimeUsec(spec, Math.random())) * 1000n;
  return { lifetimeNs, deadline: deadlineOf(spec, 0n, CAUSE.lifetime) };
}

/**
 * The lifetime minus a random part of the jitter; 0 for no lifetime. `draw` is from 0 to 1. The effective lifetime is
 * never longer than the lifetime. Pure.
 */
export function effectiveLifetimeUsec({ lifetimeUsec, jitterUsec }: Spec, draw: number): number {
  return lifetimeUsec === null ? 0 : Math.max(1, Math.round(lifetimeUsec - draw * jitterUsec));
}
