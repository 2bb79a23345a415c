import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import type { Order, StartWish } from '../../engine/maker.js';
import { Stopwatch } from '../../engine/phases.js';
import { imageDefaults } from '../../images/lookup.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import { parseSpec } from '../../spec/spec.js';
import { crashPoint } from '../../test-hooks/crash-point.js';
import { makeContainer } from '../making.js';
import type { Parts } from '../parts.js';
import { settle } from '../settle.js';
import { afterStart, requireStarted, startWish } from '../starting.js';
import { start } from './start.js';

/**
 * Makes a container that waits to be started.
 * @throws NiwaError FORBIDDEN, SPEC_INVALID, HOST_UNSUPPORTED, ID_IN_USE, DRAINING, START_FAILED, HOOK_FAILED, HOST_ERROR;
 *   then nothing was made, or all was undone
 */
export async function create(parts: Parts, caller: Caller, input: unknown): Promise<Container> {
  const { policy, admission, books } = parts;
  policy.require('createContainer', caller);
  return await make(
    parts,
    caller,
    input,
    () => null,
    async (container) => {
      admission.require(); // it may have begun to drain meanwhile
      books.save(container, 'created');
      crashPoint('created-saved');
    },
  );
}

/**
 * Makes and starts a container. Where that fails, nothing of it is left but its usage record.
 * @throws NiwaError as create() and start() do
 */
export async function run(parts: Parts, caller: Caller, input: unknown): Promise<Container> {
  parts.policy.require('createContainer', caller);
  return await make(parts, caller, input, startWish, async (container) => {
    if (container.started === null) return void (await start(parts, caller, container.id));
    await container.control.begun;
    await requireStarted(parts, container);
    await afterStart(parts, container);
  });
}

/**
 * Makes a container and takes the step after which its client hears of it. Where that fails, nothing is left; the state of
 * the container says `making` until then, so that after a crash the next niwad undoes it.
 */
async function make(
  parts: Parts,
  caller: Caller,
  input: unknown,
  wishOf: (spec: Spec) => StartWish | null,
  step: (container: Container) => Promise<void>,
): Promise<Container> {
  const { admission, images, settling, endings } = parts;
  const watch = new Stopwatch();
  const written = parseSpec(input, admission.freeId(), (name) => imageDefaults(images, name));
  const unpin = images.pin(written.root.layers);
  try {
    const spec = await settle(written, caller, settling);
    const release = admission.reserve(spec);
    try {
      watch.lap('spec');
      const order: Order = { spec, asker: `user ${caller.uid}`, watch, start: wishOf(spec) };
      const container = await makeContainer(order, parts);
      await step(container).catch((error: unknown) => endings.undo(container, error));
      return container;
    } finally {
      release();
    }
  } finally {
    unpin();
  }
}
