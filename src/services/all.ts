import type { Caller } from '../access/allowed.js';
import { NiwaError } from '../protocol/errors.js';
import type { Turns } from '../turns/turns.js';
import type { ServiceParts } from './parts.js';
import type { RunningService } from './service.js';

/** What the operations use of all services. */
export interface AllServices {
  parts: ServiceParts;
  /** One change of declarations at a time: two services must not open the same address. */
  turns: Turns;
  find(name: string): RunningService | undefined;
  /** @throws NiwaError NOT_FOUND */
  get(name: string): RunningService;
  add(service: RunningService): void;
}

/** Throws unless a caller may change a service: root, and the user who applied it. @throws NiwaError FORBIDDEN */
export function requireOwner({ name, declaration }: RunningService, { uid }: Caller): void {
  if (uid === 0 || uid === declaration.caller.uid) return;
  throw new NiwaError(
    'FORBIDDEN',
    `user ${uid} may not change service ${name}: user ${declaration.caller.uid} has applied it, and only that user or root may`,
  );
}
