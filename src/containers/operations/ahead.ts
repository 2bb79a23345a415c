import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import { MADE_AHEAD } from '../../engine/runs.js';
import { type DeviceNumbers, deviceNumbers } from '../../host/devices.js';
import type { Asker } from '../../host/reach.js';
import { identityOfSources } from '../../host/sources.js';
import { imageDefaults } from '../../images/lookup.js';
import { type ErrorCode, NiwaError } from '../../protocol/errors.js';
import type { InstanceOf, Spec } from '../../protocol/resolved-spec.js';
import type { Parts } from '../parts.js';
import { settle } from '../settle.js';
import { startCreated } from '../starting.js';
import { make } from './create.js';

/** What says that a create would be refused now. Other errors say that the host cannot tell. */
const REFUSALS: readonly ErrorCode[] = ['FORBIDDEN', 'SPEC_INVALID', 'NOT_FOUND'];

/** A container that waits for its start, and what it was made of. */
export interface Ahead {
  container: Container;
  /** Whoever it was made for: the one who starts it has to have the same rights. */
  caller: Caller;
  /** The spec before it was settled on this host. */
  written: Spec;
  settled: Settled;
}

/** A written spec on this host. */
interface Settled {
  spec: Spec;
  /** The spec, and which devices and files of the host its paths name. */
  text: string;
}

/**
 * Makes a container ahead: it waits until {@link startAhead} takes it. Its saved state says `making`, so that the next
 * niwad ends it. No field of the input may differ from one container to the next but the id.
 * @param service the service of which it will be an instance
 * @throws NiwaError the errors of create()
 */
export async function makeAhead(
  parts: Parts,
  caller: Caller,
  input: { id: string },
  service: InstanceOf | null,
): Promise<Ahead> {
  parts.policy.require('createContainer', caller);
  const lookUp = (name: string) => imageDefaults(parts.images, name);
  const written = { ...parts.seenSpecs.parse(input, input.id, lookUp, caller), service };
  const spec = await settleAnew(parts, written, caller);
  const settled = { spec, text: textOf(spec, await filesOf(spec, caller)) }; // before it is made: what changes meanwhile is a difference
  const container = await make(
    parts,
    caller,
    { input, service, place: MADE_AHEAD },
    () => null,
    async () => parts.admission.require(), // a drain may have begun meanwhile
  );
  return { container, caller, written, settled };
}

/**
 * Says why a container that was made ahead may not be started any more: it ended, the image has another content, the
 * caller lost a right, a link leads elsewhere, another file is at a path. Gives null where a create would make the same
 * container now.
 * @throws NiwaError what settle() throws where the host cannot tell now: no helper, no descriptor, a path that hangs
 */
export async function whyUnfit(parts: Parts, { container, caller, written, settled }: Ahead): Promise<string | null> {
  if (container.state !== 'created') return `it is ${container.state}`;
  try {
    const { image } = written.root;
    if (image && parts.images.idOf(image.name) !== image.id) return `image ${image.name} is another one now`;
    // The files of the spec as it was settled: where it is another spec now, the texts differ whatever they are.
    const [spec, files] = await Promise.all([settleAnew(parts, written, caller), filesOf(settled.spec, caller)]);
    return textOf(spec, files) === settled.text ? null : 'it would be made differently now';
  } catch (error) {
    if (error instanceof NiwaError && REFUSALS.includes(error.code)) return error.message;
    throw error;
  }
}

/**
 * Starts a container that was made ahead. If the start fails, only the usage record of the container is left.
 * @throws NiwaError the errors of start()
 */
export async function startAhead(parts: Parts, { container, caller }: Ahead): Promise<Container> {
  const asker: Asker = `user ${caller.uid}`;
  await startCreated(parts, container, asker).catch((error: unknown) => parts.endings.undo(container, error));
  return container;
}

/** Ends a container that was made ahead; resolves when it is forgotten, unless the kernel keeps it from ending. */
export async function throwAway(parts: Parts, { container }: Ahead): Promise<void> {
  container.control.end();
  await parts.endings.ended(container);
}

/** What a create would make now of a written spec. */
function settleAnew({ settling }: Parts, written: Spec, caller: Caller): Promise<Spec> {
  return settle(written, caller, { ...settling, freePorts: null });
}

/** Which devices and files of the host are behind the paths of a settled spec. */
function filesOf(spec: Spec, { uid }: Caller): Promise<[DeviceNumbers, string]> {
  const asker: Asker = `user ${uid}`;
  return Promise.all([deviceNumbers(spec, asker), identityOfSources(spec, asker)]);
}

function textOf(spec: Spec, files: [DeviceNumbers, string]): string {
  return JSON.stringify([spec, files]);
}
