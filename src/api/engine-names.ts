import type { preValidationHookHandler } from 'fastify';
import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { Api, ApiOptions } from './api.js';

type Named = Pick<Container, 'id' | 'spec'>;
const OF_CONTAINERS = '/v1/containers/:id';

/**
 * Lets each route of a container also take what the container's engine calls it, where that is unique. To be called
 * before the routes are added.
 */
export function takeNamesOfEngines(api: Api, { runtime }: ApiOptions): void {
  const toOwnId: preValidationHookHandler = ({ params }, _reply, next) => {
    const named = params as { id: string };
    if (!runtime.has(named.id)) named.id = ownIdOf(named.id, runtime.list());
    next();
  };
  api.addHook('onRoute', (route) => {
    if (route.url.startsWith(OF_CONTAINERS)) route.preValidation = [toOwnId, ...[route.preValidation ?? []].flat()];
  });
}

/**
 * Gives the id in niwad of the container whose engine calls it `name`; the name itself where there is none. The
 * beginning of an id is enough where the engine shows it so. Pure.
 * @throws NiwaError SPEC_INVALID where several are called so
 */
export function ownIdOf(name: string, containers: readonly Named[]): string {
  const called = containers.filter(({ spec }) => spec.oci?.id === name);
  const found = called.length > 0 ? called : containers.filter(({ spec }) => isShortened(name, spec.oci?.id ?? ''));
  if (found.length > 1) {
    const named = found.map(({ id, spec }) => `${id} (--root ${spec.oci?.root})`).join(', ');
    throw new NiwaError('SPEC_INVALID', `several engines call a container ${name}; name one of these: ${named}`);
  }
  return found[0]?.id ?? name;
}

/** podman and Docker show the first 12 of the 64 digits of their ids. An id that somebody chose has to be whole. */
function isShortened(name: string, id: string): boolean {
  return /^[0-9a-f]{12,63}$/.test(name) && /^[0-9a-f]{64}$/.test(id) && id.startsWith(name);
}
