import type { RuntimeEvent } from '../protocol/events.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

/**
 * Takes what happened to the container of an instance, also by hand of a user. An instance whose container is being
 * made hears nothing: its start tells the service how it went.
 */
export function hear(service: RunningService, instance: ServiceInstance, event: RuntimeEvent): void {
  if (instance.container === null) return;
  if (event.type === 'exit') service.hearEnd(instance, event.exit);
  else if (hasChanged(service, instance, event)) {
    service.touch();
    service.decide();
  }
}

/**
 * An instance whose container is ending or was paused gets no requests; one that was resumed is there for the next one.
 */
function hasChanged(service: RunningService, instance: ServiceInstance, { type }: RuntimeEvent): boolean {
  if (type === 'stopping' && instance.mayBecome('ending')) {
    service.note('ending', instance.id, 'its container was told to stop, or its lifetime is over');
    instance.becomeEnding();
    return true;
  }
  if (type === 'resume' && instance.phase === 'frozen') {
    service.note('thaw', instance.id, 'its container was resumed by hand');
    instance.stayUnrouted();
    return true;
  }
  if (type !== 'pause' || !instance.mayBecome('frozen')) return false;
  service.note('freeze', instance.id, 'its container was paused by hand');
  instance.becomeFrozen(service.parts.clock());
  return true;
}
