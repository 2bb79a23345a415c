import { NiwaError } from '../protocol/errors.js';
import type { Allowed, Caller, Role } from './allowed.js';

/**
 * The permission that an operation needs. `look`: the operation changes nothing, so every user of the socket may do it.
 * `act`: the operation changes something. `drain`: the operation keeps every caller's containers from starting on the
 * node.
 */
type Need = 'look' | 'act' | 'drain';

/** All operations by their names in the OpenAPI document, with the permission that each needs. */
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
  inspectImage: 'look',
  checkHealth: 'look',
  readInfo: 'look',
  readDrain: 'look',
  readOpenApi: 'look',
  readMetrics: 'look',
  listServices: 'look',
  inspectService: 'look',
  readServiceLogs: 'look',
  readServiceHistory: 'look',
  listPorts: 'look',
  listVolumes: 'look',
  inspectVolume: 'look',
  listPools: 'look',
  inspectPool: 'look',
  planContainer: 'act',
  createContainer: 'act',
  startContainer: 'act',
  restartContainer: 'act',
  stopContainer: 'act',
  killContainer: 'act',
  pauseContainer: 'act',
  resumeContainer: 'act',
  updateContainer: 'act',
  setLifetime: 'act',
  removeContainer: 'act',
  execInContainer: 'act',
  copyFromContainer: 'act',
  copyToContainer: 'act',
  attachToContainer: 'act',
  applyService: 'act',
  removeService: 'act',
  wakeService: 'act',
  scaleService: 'act',
  createPool: 'act',
  removePool: 'act',
  startFromPool: 'act',
  createVolume: 'act',
  removeVolume: 'act',
  pruneVolumes: 'act',
  importImage: 'act',
  removeImage: 'act',
  tagImage: 'act',
  pruneImages: 'act',
  saveImage: 'act',
  drain: 'drain',
  undrain: 'drain',
} as const satisfies Record<string, Need>;

export type Operation = keyof typeof NEEDS;

/** The roles that have each permission. */
const ROLES: Record<Need, readonly Role[]> = { look: ['full', 'read'], act: ['full'], drain: ['full'] };

/**
 * Decides which caller may do which operation; no other place decides this. The content of a spec, an exec or a limit
 * is checked in permissions.ts.
 */
export class Policy {
  readonly #allowed: Allowed;

  constructor(allowed: Allowed) {
    this.#allowed = allowed;
  }

  /**
   * Throws unless the caller may do the operation.
   * @throws NiwaError FORBIDDEN
   */
  require(operation: Operation, caller: Caller): void {
    const need: Need = NEEDS[operation];
    if (!ROLES[need].includes(caller.role)) throw onlyLooks(caller);
    if (need === 'drain' && caller.uid !== 0 && !this.#allowed.drain) throw mayNotDrain(caller);
  }
}

/** Operations that need the permission to act, and yet change nothing: they do a part of the work of one that acts. */
const REHEARSALS: readonly Operation[] = ['planContainer'];

/** Whether an operation changes something on this node. */
export function changesSomething(operation: Operation): boolean {
  return NEEDS[operation] !== 'look' && !REHEARSALS.includes(operation);
}

/** Whether a route's name is the name of an operation. */
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
    `user ${uid} may not drain this node, because a drain refuses the new containers of every user; root may drain it, and with "allow: {drain: true}" in niwad's configuration the members of its group`,
  );
}
