import { NiwaError } from '../errors.js';
import type { Allowed, Caller, Role } from './allowed.js';

/**
 * What a caller needs for an operation: `look` for what changes nothing, which everybody may do who may use the socket at all; `act`
 * for what does; `drain` for what keeps containers of everybody from the node.
 */
type Need = 'look' | 'act' | 'drain';

/** All operations, by their names in the OpenAPI document, and what each needs. */
export const NEEDS = {
  listContainers: 'look',
  inspectContainer: 'look',
  waitForContainer: 'look',
  readStats: 'look',
  readAllStats: 'look',
  readHistory: 'look',
  readLogs: 'look',
  streamEvents: 'look',
  readUsage: 'look',
  listImages: 'look',
  checkHealth: 'look',
  readInfo: 'look',
  readDrain: 'look',
  readOpenApi: 'look',
  readMetrics: 'look',
  planContainer: 'act',
  createContainer: 'act',
  startContainer: 'act',
  stopContainer: 'act',
  killContainer: 'act',
  pauseContainer: 'act',
  resumeContainer: 'act',
  updateContainer: 'act',
  setLifetime: 'act',
  removeContainer: 'act',
  execInContainer: 'act',
  attachToContainer: 'act',
  importImage: 'act',
  removeImage: 'act',
  drain: 'drain',
  undrain: 'drain',
} as const satisfies Record<string, Need>;

export type Operation = keyof typeof NEEDS;

/** The roles that may do what needs this. */
const ROLES: Record<Need, readonly Role[]> = { look: ['full', 'read'], act: ['full'], drain: ['full'] };

/**
 * Decides who may do what: the only place that does, for every operation. What a spec, an exec or a limit may say is decided with
 * it, in permissions.ts.
 */
export class Policy {
  readonly #allowed: Allowed;

  constructor(allowed: Allowed) {
    this.#allowed = allowed;
  }

  /**
   * Lets a caller do something.
   * @throws NiwaError FORBIDDEN
   */
  require(operation: Operation, caller: Caller): void {
    const need: Need = NEEDS[operation];
    if (!ROLES[need].includes(caller.role)) throw onlyLooks(caller);
    if (need === 'drain' && caller.uid !== 0 && !this.#allowed.drain) throw mayNotDrain(caller);
  }
}

/** Whether the name of a route is that of an operation. */
export function isOperation(name: string | undefined): name is Operation {
  return name !== undefined && Object.hasOwn(NEEDS, name);
}

function onlyLooks({ uid }: Caller): NiwaError {
  return new NiwaError(
    'FORBIDDEN',
    `user ${uid} may only look (GET): it is in the group "readGroup" of niwad's configuration, not in "group"`,
  );
}

function mayNotDrain({ uid }: Caller): NiwaError {
  return new NiwaError(
    'FORBIDDEN',
    `user ${uid} may not drain this node, which keeps new containers of everybody from it; root may, and with "allow: {drain: true}" in niwad's configuration the members of its group`,
  );
}
