import type { Container } from '../engine/container.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

/** Waits until an instance answers over the way that requests take. @returns false where it was told to end before */
export async function answersOverPath(
  service: RunningService,
  instance: ServiceInstance,
  container: Container,
): Promise<boolean> {
  const { parts, declaration } = service;
  const { destination, over } = instance;
  if (destination === null) throw new Error('it has no address on the bridge');
  return await parts.answers(declaration.service, destination, container, over.signal, {
    isMissing: (what) => {
      instance.missing = what;
    },
    warn: (what) => service.complain(what),
  });
}
