import type { Logger } from 'pino';
import type { Container } from '../engine/container.js';
import { runHook } from '../hooks/run-hook.js';
import type { HookPoint, OciConfig, OciHooks } from '../plan/oci/config.js';
import {
  type HookStatus,
  type HookSubject,
  hookState,
  hookWords,
  type SettledHook,
  settled,
} from '../plan/oci/hooks.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { signalName } from '../spec/signals.js';
import { type Connection, closeAll } from './connection.js';
import { FRAME, type HookEnd, readHookEnd, textsBody } from './messages.js';
import { environmentOf } from './spec.js';

/** The points whose hooks niwad lets the command run, in the namespaces of the command. */
export type OutsidePoint = Exclude<HookPoint, 'createContainer' | 'startContainer'>;
/** Hooks, and what they are told of their container. */
export interface HooksOf {
  hooks: OciHooks;
  subject: HookSubject;
}

const STATUSES: Record<OutsidePoint, HookStatus> = {
  prestart: 'creating',
  createRuntime: 'creating',
  poststart: 'running',
  poststop: 'stopped',
};
/** No timer waits longer. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Lets the command run the hooks of a point, one after another.
 * @param pid that of the container, as the command sees it
 * @throws NiwaError HOOK_FAILED for the first that fails, START_FAILED if the command has ended
 */
export async function runHooks(
  connection: Connection,
  point: OutsidePoint,
  { hooks, subject }: HooksOf,
  pid: number,
): Promise<void> {
  const state = hookState(subject, STATUSES[point], pid);
  for (const [i, hook] of (hooks[point] ?? []).entries())
    await runOne(connection, settled(hook), { state, directory: subject.bundle }).catch((error: unknown) => {
      throw failureOf(error, point, i);
    });
}

/**
 * Lets the command run all hooks at the end of a container. Those that fail are in both logs, and change nothing. Where
 * the command ends meanwhile, niwad runs the hook that has ended with it, and the rest.
 */
export async function runLastHooks(connection: Connection, { hooks, subject }: HooksOf, log: Logger): Promise<void> {
  const state = hookState(subject, STATUSES.poststop, 0);
  const { poststop = [] } = hooks;
  for (const [i, hook] of poststop.entries())
    try {
      await runOne(connection, settled(hook), { state, directory: subject.bundle });
    } catch (error) {
      if (!(error instanceof HookFailure))
        return await runLastHooksHere({ hooks: { poststop: poststop.slice(i) }, subject }, log);
      const failure = messageOf(failureOf(error, 'poststop', i));
      connection.send(FRAME.warning, failure);
      log.warn({ id: subject.id, failure }, 'a hook of an engine failed');
    }
}

/** Runs the hooks at the end of a container that no command runs: as niwad, in its namespaces and in the bundle. */
export async function runLastHooksHere({ hooks, subject }: HooksOf, log: Logger): Promise<void> {
  const state = hookState(subject, STATUSES.poststop, 0);
  for (const hook of hooks.poststop ?? []) {
    const { path: file, args, env = [], timeoutMs = MOST_TIMEOUT_MS } = settled(hook);
    const timeoutUsec = Math.min(timeoutMs, MOST_TIMEOUT_MS) * 1000;
    const program = { file, args: [...args], env: environmentOf(env), timeoutUsec, directory: subject.bundle };
    const { failure, output } = await runHook(program, {}, state, new AbortController().signal);
    if (failure !== null) log.warn({ id: subject.id, file, failure, output }, 'a hook of an engine failed');
  }
}

/**
 * Whether hooks run while a container is made: those of the create, and those of the end where it is not made after
 * all. Pure.
 */
export function hasEarlyHooks({ hooks = {} }: OciConfig): boolean {
  const { prestart = [], createRuntime = [], createContainer = [], poststop = [] } = hooks;
  return [prestart, createRuntime, createContainer, poststop].some((list) => list.length > 0);
}

/** What is kept of the hooks of a config until its container is deleted: those that run after its creation. Pure. */
export function lateHooksOf({ poststart = [], poststop = [] }: OciHooks = {}): string | undefined {
  return poststart.length + poststop.length === 0 ? undefined : JSON.stringify({ poststart, poststop });
}

/** Gives the hooks of a container that are kept, by lateHooksOf(). */
export function keptHooks({ spec: { oci } }: Container): HooksOf | undefined {
  if (oci?.lateHooks === undefined) return undefined;
  const { id, bundle, annotations, lateHooks } = oci;
  return { hooks: JSON.parse(lateHooks) as OciHooks, subject: { id, bundle, annotations } };
}

async function runOne(
  connection: Connection,
  { path, args, env, timeoutMs }: SettledHook,
  { state, directory }: { state: string; directory: string },
): Promise<void> {
  const texts: [string, string][] = [
    ['program', path],
    ['directory', directory],
    ['input', state],
    ...args.map((arg): [string, string] => ['arg', arg]),
    ...(env ?? []).map((entry): [string, string] => ['env', entry]),
    ...(env?.length === 0 ? [['no-env', ''] as [string, string]] : []),
    ...(timeoutMs === undefined ? [] : [['timeout', String(timeoutMs)] as [string, string]]),
  ];
  connection.send(FRAME.hook, textsBody(texts));
  const { kind, body, descriptors } = await connection.next();
  closeAll(descriptors);
  if (kind !== FRAME.ended)
    throw new NiwaError('SPEC_INVALID', 'niwa-oci has sent something else than the end of a hook');
  const end = readHookEnd(body);
  if (end.end === 'exited' && end.status === 0) return;
  throw new HookFailure(`${wordsOfEnd(end, timeoutMs)}: ${path}`, end.output.trim());
}

/** A hook has run and failed. */
class HookFailure extends Error {
  readonly output: string;
  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

function wordsOfEnd({ end, status }: HookEnd, timeoutMs = 0): string {
  if (end === 'timedOut') return `took longer than ${timeoutMs / 1000} s`;
  return end === 'exited' ? `failed with exit code ${status}` : `was ended by ${signalName(status)}`;
}

/** The words that engines look for come first. */
function failureOf(error: unknown, point: OutsidePoint, index: number): unknown {
  if (!(error instanceof HookFailure)) return error;
  const { message, output } = error;
  const wrote = output === '' ? '' : `, which wrote: ${output}`;
  return new NiwaError('HOOK_FAILED', `error ${hookWords(point, index)}: the ${point} hook ${message}${wrote}`);
}
