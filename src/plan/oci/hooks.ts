import type { Op } from '../op.js';
import { op } from '../op.js';
import { umask } from '../ops.js';
import { CONFIG_VERSION, type HookPoint, type OciConfig, type OciHook, type OciHooks } from './config.js';
import { privateAbove, showRoot } from './ops.js';

/** The hooks of an OCI config, see config.md and runtime.md of the runtime-spec. */

/** What hooks are told of a container beside its status and its pid. */
export interface HookSubject {
  /** Its id in the engine. */
  id: string;
  bundle: string;
  annotations: Readonly<Record<string, string>>;
}

export type HookStatus = 'creating' | 'created' | 'running' | 'stopped';

const INSIDE: Partial<Record<HookPoint, HookStatus>> = { createContainer: 'creating', startContainer: 'created' };

/** Gives the state for the standard input of a hook. Pure. */
export function hookState({ id, bundle, annotations }: HookSubject, status: HookStatus, pid: number): string {
  const listed = Object.keys(annotations).length === 0 ? {} : { annotations };
  return JSON.stringify({ ociVersion: CONFIG_VERSION, id, status, bundle, ...listed, pid });
}

/** Gives the words of an error of a hook, by its number from 0 on. Pure. */
export const hookWords = (point: HookPoint, index: number) => `running ${point} hook #${index}`;

/** Whether programs outside of the container run while its creation pauses. */
function pausesFor({ prestart = [], createRuntime = [] }: OciHooks): boolean {
  return prestart.length > 0 || createRuntime.length > 0;
}

/** The operations of hooks that come while the root is made. */
export interface RootHooks {
  /** When it is begun. */
  before: Op[];
  /** When all is mounted, and nothing is hidden yet. */
  run: Op[];
}

/** Gives the operations of the hooks of a creation. Pure. @param root the path where hooks look for the root */
export function rootHooks(config: OciConfig, root: string, subject: HookSubject): RootHooks {
  const { hooks = {}, process, linux: { rootfsPropagation = '' } = {} } = config;
  const inside = hookOps('createContainer', hooks, subject, process.env ?? [], subject.bundle);
  const run = [
    ...(pausesFor(hooks) ? [op('pause', 'wait until the hooks prestart and createRuntime have run')] : []),
    // all other operations name each mode in full
    ...(inside.length === 0 ? [] : [umask(HOOK_UMASK), ...inside, umask(0)]),
  ];
  if (run.length === 0 || root === '/') return { before: [], run };
  const isShared = /^r?shared$/.test(rootfsPropagation);
  return { before: [...(isShared ? [privateAbove(root)] : []), showRoot(root)], run };
}

/** Gives the operations of the hooks at the start, in the container. Pure. */
export function startHookOps({ hooks = {}, process }: OciConfig, subject: HookSubject): Op[] {
  return hookOps('startContainer', hooks, subject, process.env ?? [], '');
}

const HOOK_UMASK = 0o022;

/** @param directory where they run; "" for where the program is */
function hookOps(
  point: 'createContainer' | 'startContainer',
  hooks: OciHooks,
  subject: HookSubject,
  environment: readonly string[],
  directory: string,
): Op[] {
  const state = hookState(subject, INSIDE[point] ?? 'creating', 0);
  const [before, behind] = [state.slice(0, -'0}'.length), '}'];
  return (hooks[point] ?? []).map((hook, i) => {
    const { path, args, env = environment, timeoutMs } = settled(hook);
    return op(
      'hook',
      `${hookWords(point, i)}: ${path}`,
      [timeoutMs ?? 0, args.length],
      [path, directory, before, behind, ...args, ...env],
    );
  });
}

/** A hook with its defaults: the words of its command line begin with its path; it has all the time it needs. Pure. */
export function settled({ path, args = [], env, timeout }: OciHook): SettledHook {
  return {
    path,
    args: args.length === 0 ? [path] : args,
    ...(env === undefined ? {} : { env }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
  };
}

export interface SettledHook {
  path: string;
  /** With the name of the program. */
  args: readonly string[];
  /** Missing for that of whoever runs it. */
  env?: readonly string[];
  /** Missing for none. */
  timeoutMs?: number;
}
