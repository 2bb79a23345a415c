import { ROOT } from '../access/allowed.js';
import { reclaimMemory } from '../host/reclaim.js';
import { NiwaError } from '../protocol/errors.js';
import { answersOverPath } from './ask.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

/**
 * Freezes an instance that gets no requests, and takes its memory. A request that came before its route was gone keeps
 * it from being frozen, and so does a route that cannot be taken away.
 */
export async function freezeInstance(service: RunningService, instance: ServiceInstance): Promise<void> {
  const { parts } = service;
  const { container } = instance;
  if (container === null) return;
  try {
    if (!(await service.applyRoutes())) return stay(service, instance);
    if (instance.phase !== 'frozen') return;
    const connections = await parts.connectionsOf(container, instance.mark.port);
    instance.takeConnections(connections, parts.clock());
    if (connections > 0) return stay(service, instance);
    if (instance.phase !== 'frozen') return;
    await forgetDatagrams(service, instance);
    await parts.containers.pause(instance.id, ROOT);
    const bytes = container.usage().memory?.current ?? 0;
    await reclaimMemory(container.cgroup, bytes, () => instance.phase === 'frozen');
  } catch (error) {
    service.complain(`instance ${instance.id} cannot be frozen`, error);
    stay(service, instance);
  }
}

/**
 * The rules see the first datagram of a client alone: the kernel sends the next ones the same way, for as long as they
 * come. Without this, those of a steady client would go to what is frozen, and nothing would thaw it.
 */
async function forgetDatagrams({ declaration, parts }: RunningService, { destination }: ServiceInstance) {
  if (destination === null || declaration.service.listen.every(({ protocol }) => protocol !== 'udp')) return;
  const { address, address6 } = destination;
  await parts.forgetFlows(address6 === null ? [address] : [address, address6]);
}

function stay(service: RunningService, instance: ServiceInstance): void {
  if (instance.phase !== 'frozen') return;
  instance.stayUnrouted();
  service.touch();
}

/** Thaws an instance: it is ready when it answers. One whose thaw an earlier niwad has begun is asked alone. */
export async function thawInstance(service: RunningService, instance: ServiceInstance): Promise<void> {
  const { parts } = service;
  const { container } = instance;
  if (container === null) return;
  try {
    // a freeze that is under way ends first: both wait for the same turn
    await parts.containers.resume(instance.id, ROOT).catch((error: unknown) => {
      if (container.state !== 'running') throw error;
    });
  } catch (error) {
    service.complain(`instance ${instance.id} cannot be thawed`, error);
    if (instance.phase === 'thawing') instance.stayFrozen();
    return;
  }
  instance.runningUsec = parts.clock();
  if ((await answersOverPath(service, instance, container)) && instance.phase === 'thawing')
    service.becomeReady(instance);
}

/** Ends an instance, once no new connection goes to it: its stop signal, and SIGKILL after its stop timeout. */
export async function endInstance(service: RunningService, instance: ServiceInstance): Promise<void> {
  if (instance.container === null) return; // its start finds that it is not wanted any more
  await service.applyRoutes();
  try {
    await service.parts.containers.stop(instance.id, ROOT);
  } catch (error) {
    const hasGone = error instanceof NiwaError && (error.code === 'STATE_CONFLICT' || error.code === 'NOT_FOUND');
    if (!hasGone) service.complain(`instance ${instance.id} cannot be ended`, error);
  }
}
