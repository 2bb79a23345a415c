import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { REACH_PROGRAM } from '../kernel/programs.js';
import { groupInScope } from '../plan/oci/scope.js';
import { askedProperties, INFINITY, type UnitProperty } from '../plan/oci/scope-properties.js';
import type { Controllers } from '../plan/resources.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { OciScope } from '../protocol/resolved-oci.js';
import { type CgroupTree, CONTROLLERS } from './cgroup.js';
import { cureOfShortage } from './errors.js';
import { controllersIn } from './group-place.js';
import { findOwnGroup } from './own-group.js';
import { changeUnit, isAway, nameIsTaken, requestDeadline, SYSTEMD_SOCKET, startUnit, trying } from './systemd.js';

/**
 * Scopes of systemd. systemd removes the group of a scope with all groups in it as soon as no process is there, also
 * before niwad has read the last use. So a process that sleeps, the holder, is in a group of its own beside that of the
 * container: a group with processes can give no controllers to the groups in it. The name of that group has the id of
 * the container: another container may get a scope of the same name.
 */
const holderGroup = (id: string, group: string) => join(dirname(group), `niwa-${id}`);
/** systemd has the name of a scope that has just ended until it has seen that. */
const NAME_MS = 1000;

/**
 * Says where systemd will make the group above that of a container, and which controllers it will have: systemd gives
 * all that it knows to a delegated scope. Makes nothing.
 * @throws NiwaError HOST_UNSUPPORTED where no systemd runs
 */
export function placeInScope(scope: OciScope, tree: CgroupTree): { path: string; controllers: Controllers } {
  const top = topGroup();
  if (!existsSync(SYSTEMD_SOCKET) || top === undefined)
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      `cannot make the scope ${scope.unit}: systemd does not run here as PID 1 with the socket ${SYSTEMD_SOCKET}. ` +
        'Set the cgroup manager of the engine to "cgroupfs"',
    );
  const { available, missing } = controllersIn(join(tree.mount, top), 'cgroup.controllers', tree.controllers.missing);
  const known: readonly string[] = CONTROLLERS;
  return {
    path: join(tree.mount, top, groupInScope(scope)),
    controllers: { available: available.filter((name) => known.includes(name)), missing },
  };
}

/** Gives the group that has all groups of systemd, whose own process is in `init.scope` there. */
function topGroup(): string | undefined {
  const own = findOwnGroup(readFileSync('/proc/1/cgroup', 'utf8'));
  return own === 'init.scope' || own?.endsWith('/init.scope') ? own.slice(0, -'init.scope'.length) : undefined;
}

/**
 * Lets systemd make the scope of a container. It stays until {@link endScope}, also when niwad dies.
 * @param limits the properties that the limits of the container ask for
 * @param id the id of the container in niwad
 * @param group where the group of the container will be, see {@link placeInScope}
 * @throws NiwaError HOST_ERROR with what systemd says; then there is no scope
 */
export async function makeScope(
  scope: OciScope,
  limits: readonly UnitProperty[],
  id: string,
  group: string,
): Promise<void> {
  const properties = [...usualProperties(scope, id), ...limits, ...askedProperties(scope.properties ?? {})];
  const deadlineMs = requestDeadline();
  let nameEndMs = performance.now() + NAME_MS;
  await trying(
    () => tryScope(scope.unit, properties, holderGroup(id, group), deadlineMs),
    (error) => {
      // systemd may have made the scope before it went away: it then has the name until it has seen the holder's end
      if (isAway(error)) nameEndMs = deadlineMs;
      return isAway(error) || nameIsTaken(error) ? nameEndMs : 0;
    },
  );
}

function usualProperties({ slice }: OciScope, id: string): UnitProperty[] {
  return [
    ['Description', 's', `niwa container ${id}`],
    ['Slice', 's', slice],
    ['Delegate', 'b', true],
    ['CollectMode', 's', 'inactive-or-failed'],
    // at a shutdown systemd stops the scopes first: niwad can still write what they have used
    ['After', 'as', ['niwad.service']],
    ...['CPUAccounting', 'MemoryAccounting', 'IOAccounting', 'TasksAccounting'].map(
      (name): UnitProperty => [name, 'b', true],
    ),
    ['TasksMax', 't', INFINITY], // else systemd has a limit for units that name none
  ];
}

/**
 * The holder ends with niwad until it is told to go on; then only niwad ends it, or systemd by the SIGKILL of a stop
 * that takes too long. Without it systemd removes the scope.
 */
async function tryScope(
  unit: string,
  properties: readonly UnitProperty[],
  own: string,
  deadlineMs: number,
): Promise<void> {
  const holder = spawn(REACH_PROGRAM, ['hold'], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    if (holder.pid === undefined) throw (await once(holder, 'error'))[0];
    holder.stdin.on('error', () => {}); // it may end before niwad tells it to go on
    const lost = once(holder, 'exit').then(() => Promise.reject(new Error('the process that keeps it has ended')));
    await Promise.race([enter(unit, properties, holder.pid, own, deadlineMs), lost]);
    holder.stdin.end('g');
    holder.unref();
  } catch (cause) {
    holder.kill('SIGKILL');
    if (cause instanceof NiwaError) throw cause;
    const cure = cureOfShortage((cause as NodeJS.ErrnoException).code ?? '');
    const why = messageOf(cause) + (cure === undefined ? '' : `; ${cure}`);
    throw new NiwaError('HOST_ERROR', `cannot make the scope ${unit}: ${why}`, { cause });
  }
}

async function enter(
  unit: string,
  properties: readonly UnitProperty[],
  pid: number,
  own: string,
  deadlineMs: number,
): Promise<void> {
  await startUnit(unit, [...properties, ['PIDs', 'au', [pid]]], deadlineMs);
  await mkdir(own);
  await writeFile(join(own, 'cgroup.procs'), String(pid));
}

/** Ends the holder of a container, where it has one: systemd then removes the scope. */
export function endScope(id: string, group: string): void {
  try {
    writeFileSync(join(holderGroup(id, group), 'cgroup.kill'), '1');
  } catch {
    // systemd has removed it, with all other processes or after a stop of the scope
  }
}

/**
 * Changes properties of a scope until it ends.
 * @throws NiwaError HOST_ERROR with what systemd says
 */
export async function setScopeProperties({ unit }: OciScope, properties: readonly UnitProperty[]): Promise<void> {
  if (properties.length > 0) await changeUnit(unit, properties);
}
