import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import type { Order, StartWish } from '../../engine/maker.js';
import { Stopwatch } from '../../engine/phases.js';
import { type Author, FIRST_RUN, type RunsState } from '../../engine/runs.js';
import { imageDefaults } from '../../images/lookup.js';
import type { InstanceOf, Spec } from '../../protocol/resolved-spec.js';
import { crashPoint } from '../../test-hooks/crash-point.js';
import { makeContainer } from '../making.js';
import type { Parts } from '../parts.js';
import { settle } from '../settle.js';
import { startMade, startWish } from '../starting.js';
import { ensureVolumes } from '../volumes.js';

/**
 * Makes a container that waits for its start.
 * @throws NiwaError FORBIDDEN, SPEC_INVALID, HOST_UNSUPPORTED, ID_IN_USE, DRAINING, START_FAILED, HOOK_FAILED,
 *   HOST_ERROR; then no container was made, or everything that was made is undone
 */
export async function create(parts: Parts, caller: Caller, input: unknown): Promise<Container> {
  const { policy, admission, books } = parts;
  policy.require('createContainer', caller);
  return await make(
    parts,
    caller,
    { input, service: null, place: FIRST_RUN },
    () => null,
    async (container) => {
      admission.require(); // a drain may have begun during the steps above
      books.save(container, 'created');
      crashPoint('created-saved');
    },
  );
}

/**
 * Makes and starts a container. If a step fails, only the usage record of the container is left.
 * @param service the service of which it is an instance; null for a container of its own
 * @throws NiwaError the errors of create() and start()
 */
export async function run(
  parts: Parts,
  caller: Caller,
  input: unknown,
  service: InstanceOf | null = null,
): Promise<Container> {
  parts.policy.require('createContainer', caller);
  return await make(parts, caller, { input, service, place: FIRST_RUN }, startWish, async (container) => {
    await startMade(parts, container, `user ${caller.uid}`);
  });
}

/**
 * Makes a container and then runs `step`, after which the client gets to know the container. If a step fails, the
 * container is removed. Until then the saved state says `making`, so that after a crash the next niwad removes the
 * container.
 */
export async function make(
  parts: Parts,
  caller: Caller,
  { input, service, place: at }: { input: unknown; service: InstanceOf | null; place: Omit<RunsState, 'author'> },
  wishOf: (spec: Spec) => StartWish | null,
  step: (container: Container) => Promise<void>,
): Promise<Container> {
  const { admission, images, volumes, seenSpecs, settling, endings } = parts;
  const watch = new Stopwatch();
  const lookUp = (name: string) => imageDefaults(images, name);
  const written = seenSpecs.parse(input, admission.freeId(), lookUp, caller);
  written.service = service;
  const unpin = images.pin(written.root.layers);
  try {
    const spec = await settle(written, caller, settling);
    const release = admission.reserve(spec);
    try {
      ensureVolumes(spec, volumes);
      watch.lap('spec');
      const asker = `user ${caller.uid}` as const;
      const place = { ...at, author: await authorOf(parts, caller, spec) };
      const order: Order = { spec, asker, watch, start: wishOf(spec), place, before: null };
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

/**
 * Notes who makes a container. Whether the host's files name the caller as a member of niwad's group matters only where
 * a restart policy acts for the caller later: reading them takes time.
 */
async function authorOf({ membership }: Parts, caller: Caller, { restart }: Spec): Promise<Author> {
  const { uid, gid } = caller;
  return { uid, gid, isListed: restart !== undefined && (await membership.has(caller)) };
}
