import { type ChildProcess, type ExecFileException, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { groupInScope } from '../plan/oci/scope.js';
import type { Controllers } from '../plan/resources.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { OciScope } from '../protocol/resolved-oci.js';
import { type CgroupTree, CONTROLLERS } from './cgroup.js';
import { controllersIn } from './group-place.js';
import { findOwnGroup } from './own-group.js';

/**
 * Scopes of systemd. systemd removes the group of a scope with all groups in it as soon as no process is there, also
 * before niwad has read the last use. So a process that sleeps, the holder, is in a group of its own beside that of the
 * container. The name of that group has the id of the container: another container may get a scope of the same name.
 */
const holderGroup = (id: string, group: string) => join(dirname(group), `niwa-${id}`);
/**
 * The holder moves from the scope into its own group, and tells that it is there: a group with processes can give no
 * controllers to the groups in it. It ends with niwad until it is told to go on; then only niwad ends it, or systemd by
 * the SIGKILL of a stop that takes too long. Without `$`: systemd-run may expand it. 0 is the process that writes.
 */
const hold = (group: string) =>
  `trap "" TERM && mkdir '${group}' && echo 0 >'${group}/cgroup.procs' && echo in && read -r go && ` +
  'exec sleep infinity </dev/null >/dev/null 2>&1';
/** At a shutdown systemd stops the scopes first: niwad can still write what they have used. */
const PROPERTIES = ['Delegate=yes', 'TasksMax=infinity', 'After=niwad.service'];
/** An answer of systemd also for a scope that has just ended, until systemd has seen that. */
const IS_TAKEN = /was already loaded/;
const MOST_TRIES = 5;
const PAUSE_MS = 200;
/** systemd answers within milliseconds; where it hangs, a container is not made. */
const PATIENCE_MS = 60_000;
/** See sd_booted(3). */
const BOOTED = '/run/systemd/system';

/**
 * Says where systemd will make the group above that of a container, and which controllers it will have: systemd gives
 * all that it knows to a delegated scope. Makes nothing.
 * @throws NiwaError HOST_UNSUPPORTED where no systemd runs
 */
export function placeInScope(scope: OciScope, tree: CgroupTree): { path: string; controllers: Controllers } {
  const top = topGroup();
  if (!existsSync(BOOTED) || top === undefined)
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      `cannot make the scope ${scope.unit}: systemd does not run here as PID 1. ` +
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
 * @param properties those beside delegation, as systemd-run takes them
 * @param id the id of the container in niwad
 * @param group where the group of the container will be, see {@link placeInScope}
 * @throws NiwaError HOST_ERROR with what systemd says; then there is no scope
 */
export async function makeScope(
  scope: OciScope,
  properties: readonly string[],
  id: string,
  group: string,
): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      return await tryScope(scope, properties, id, group);
    } catch (error) {
      if (tries === MOST_TRIES || !IS_TAKEN.test(messageOf(error))) throw error;
      await sleep(PAUSE_MS);
    }
}

async function tryScope(
  { unit, slice }: OciScope,
  properties: readonly string[],
  id: string,
  group: string,
): Promise<void> {
  const options = ['--scope', '--quiet', '--collect', `--unit=${unit}`, `--slice=${slice}`];
  const all = [...PROPERTIES, ...properties].map((property) => `--property=${property}`);
  const about = `--description=niwa container ${id}`;
  const holder = spawn('systemd-run', [...options, about, ...all, '--', 'sh', '-c', hold(holderGroup(id, group))], {
    cwd: '/',
    detached: true,
  });
  try {
    await hasEntered(holder);
    holder.stdin.end('go\n');
    holder.unref();
  } catch (cause) {
    holder.kill('SIGKILL');
    throw new NiwaError('HOST_ERROR', `systemd did not make the scope ${unit}: ${messageOf(cause)}`, { cause });
  }
}

/** Waits until it says so. @throws Error with what systemd-run says instead */
function hasEntered(holder: ChildProcess): Promise<void> {
  let said = '';
  holder.stdin?.on('error', () => {}); // it may end before niwad tells it to go on
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 1000);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it does not answer')), PATIENCE_MS);
    timer.unref();
    holder.on('error', reject);
    holder.stderr?.on('close', () => reject(new Error(said.trim() || 'systemd-run has ended')));
    holder.stdout?.once('data', () => {
      clearTimeout(timer);
      resolve();
    });
  });
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
export async function setScopeProperties({ unit }: OciScope, properties: readonly string[]): Promise<void> {
  if (properties.length === 0) return;
  try {
    const args = ['set-property', '--runtime', '--', unit, ...properties];
    await promisify(execFile)('systemctl', args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
  } catch (cause) {
    const reason = (cause as ExecFileException).killed ? 'it does not answer' : messageOf(cause);
    throw new NiwaError('HOST_ERROR', `systemd did not change the scope ${unit}: ${reason}`, { cause });
  }
}
