import { requireListenPermission } from '../access/permissions.js';
import type { Container } from '../engine/container.js';
import type { Place } from '../pools/stock.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { answersOverPath } from './ask.js';
import { imageOf } from './declaration.js';
import type { ServiceInstance } from './instance.js';
import { endInstance } from './instances.js';
import { watchLive } from './live.js';
import type { RunningService } from './service.js';

/**
 * Starts the container of an instance, which was made ahead or is made now, with the rights of the user who applied the
 * service, and waits until the instance answers. Where that fails, nothing is left of it, and the service knows why.
 */
export async function startInstance(service: RunningService, instance: ServiceInstance, place: Place): Promise<void> {
  const { parts } = service;
  try {
    await prepare(service, instance).catch((error: unknown) => {
      service.stock.giveUp(place);
      throw error;
    });
    const container = await service.stock.start(place);
    instance.takeContainer(container, parts.clock());
  } catch (error) {
    if (instance.phase === 'starting')
      service.starts.fail(error instanceof NiwaError ? error.code : 'INTERNAL', messageOf(error), null, parts.clock());
    return service.drop(instance, `it could not be started: ${messageOf(error)}`);
  }
  await awaitAnswer(service, instance);
}

/** What has to be right before the container of an instance is started. @throws NiwaError FORBIDDEN, HOST_ERROR */
async function prepare(service: RunningService, instance: ServiceInstance): Promise<void> {
  takeNewImage(service);
  const { parts, declaration } = service;
  const { caller, revision } = declaration;
  instance.takeRevision(revision);
  requireListenPermission(declaration.service.listen, caller, parts.allowed);
  await parts.membership.requireStill(caller, caller.isListed === true);
}

/** Waits until an instance that runs answers; one of an earlier niwad too. */
export async function awaitAnswer(service: RunningService, instance: ServiceInstance): Promise<void> {
  const { container } = instance;
  if (container === null) return;
  if (container.exit !== null) return service.hearEnd(instance, container.exit);
  // it was told to end while it was made
  if (instance.phase !== 'starting') return await endInstance(service, instance);
  try {
    if (!(await answersOverAll(service, instance, container)) || instance.phase !== 'starting') return;
    service.becomeReady(instance);
    watchLive(service, instance);
  } catch (error) {
    service.starts.fail('not-ready', `instance ${instance.id}: ${messageOf(error)}`, null, service.parts.clock());
    if (instance.mayBecome('ending')) instance.becomeEnding();
    service.decide();
    await endInstance(service, instance);
  }
}

/** Asks the readiness check of the template first, if it has one, then over the way that requests take. */
async function answersOverAll(
  service: RunningService,
  instance: ServiceInstance,
  container: Container,
): Promise<boolean> {
  if (container.ready !== null) {
    instance.missing = 'its readiness check (ready in the template) has not succeeded';
    await container.readyKnown;
  }
  if (instance.over.signal.aborted) return false;
  if (container.ready?.state === 'failed')
    throw new Error('its readiness check has failed for the whole of its timeout');
  return await answersOverPath(service, instance, container);
}

/** An image that was replaced under the same name makes a new revision: instances of both serve until their ends. */
function takeNewImage(service: RunningService): void {
  const { declaration, parts } = service;
  const name = imageOf(declaration.service);
  const imageId = name === null ? null : parts.imageId(name);
  if (imageId === null || imageId === declaration.imageId) return;
  const renewed = { ...declaration, imageId, revision: declaration.revision + 1 };
  parts.store.save(renewed);
  service.change(renewed);
  service.note('apply', null, `image ${name} is another one now: revision ${renewed.revision}`);
}
