import { requireState } from '../engine/actions.js';
import type { Container } from '../engine/container.js';
import { deadlineOf } from '../engine/deadline.js';
import { CAUSE } from '../engine/exit.js';
import type { StartWish } from '../engine/maker.js';
import { mayBeSlow, pathStarts } from '../engine/path-starts.js';
import type { Asker } from '../host/reach.js';
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
  books.save(container, 'started', null); // it has used next to nothing, and to read that takes longer than to write it
  crashPoint('started-saved');
  registry.tell('start', container.spec);
  containerHooks.attend(container);
}

/**
 * Starts a container that was created, when it is its turn.
 * @param asker the caller for whom paths of the host are opened
 * @throws NiwaError STATE_CONFLICT, DRAINING, TOO_MANY_REQUESTS, START_FAILED, HOOK_FAILED
 */
export async function startCreated(parts: Parts, container: Container, asker: Asker): Promise<void> {
  const { id, spec } = container;
  const requireStartable = () => {
    parts.admission.require();
    requireState('start', id, container.state);
  };
  const begin = async () => {
    requireStartable(); // the container may have ended while this start waited for its turn
    const { lifetimeNs, deadline } = startWish(container.spec);
    await takeStart(parts, container, container.control.start(lifetimeNs, deadline));
  };
  await container.turns.run(async () => {
    requireStartable();
    await (mayBeSlow(spec) ? pathStarts.run(asker, begin) : begin());
    await requireStarted(parts, container);
  });
  await afterStart(parts, container);
}

/**
 * Finishes the start of a container that was made for a start: it may have been started in the same step.
 * @throws NiwaError the errors of {@link startCreated}
 */
export async function startMade(parts: Parts, container: Container, asker: Asker): Promise<void> {
  if (container.started === null) return await startCreated(parts, container, asker);
  await container.control.begun;
  await requireStarted(parts, container);
  await afterStart(parts, container);
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
