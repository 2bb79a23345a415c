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

/** Takes what comes of a start; an end that is heard of meanwhile waits for that. */
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

/** Waits for the end of a container whose workload was not executed. @throws NiwaError START_FAILED then */
export async function requireStarted({ endings }: Pick<Parts, 'endings'>, container: Container): Promise<void> {
  const { startError } = container;
  if (startError === null) return;
  await endings.ended(container);
  throw startError;
}

/** Runs the hooks of a container that has started; where one fails, it ends. @throws NiwaError HOOK_FAILED then */
export async function afterStart(
  { endings, containerHooks }: Pick<Parts, 'endings' | 'containerHooks'>,
  container: Container,
): Promise<void> {
  await containerHooks.afterStart(container).catch((error: unknown) => endings.fail(container, error));
}

/** What a start asks of the kernel: the lifetime, with this start's share of the jitter, and how it ends. */
export function startWish(spec: Spec): StartWish {
  const lifetimeNs = BigInt(effectiveLifetimeUsec(spec, Math.random())) * 1000n;
  return { lifetimeNs, deadline: deadlineOf(spec, 0n, CAUSE.lifetime) };
}

/** The lifetime less its share of the jitter; 0 for none. `draw` is from 0 to 1. The lifetime stays an upper bound. Pure. */
export function effectiveLifetimeUsec({ lifetimeUsec, jitterUsec }: Spec, draw: number): number {
  return lifetimeUsec === null ? 0 : Math.max(1, Math.round(lifetimeUsec - draw * jitterUsec));
}
