import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import { containerFor, type Parts } from '../parts.js';
import { forgetDump } from './dump.js';

/** Freezes every process of a container. @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
export function pause(parts: Parts, caller: Caller, id: string): Promise<Container> {
  return setFrozen(parts, containerFor('pauseContainer', parts, caller, id), true);
}

/** Thaws a paused container. @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
export function resume(parts: Parts, caller: Caller, id: string): Promise<Container> {
  return setFrozen(parts, containerFor('resumeContainer', parts, caller, id), false);
}

async function setFrozen({ books, registry }: Parts, container: Container, frozen: boolean): Promise<Container> {
  await container.turns.run(async () => {
    await container.control.setFrozen(frozen);
    forgetDump({ books, registry }, container); // what an earlier niwad has begun
    registry.tell(frozen ? 'pause' : 'resume', container.spec);
  });
  return container;
}
