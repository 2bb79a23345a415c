import type { Logger } from 'pino';
import { NiwaError } from '../protocol/errors.js';
import type { Hook, HookPoint, Hooks, IntervalHook, Program } from '../protocol/resolved-hooks.js';
import { runHook } from './run-hook.js';

/** The container of a hook: its id, and its current state, which the hook gets as JSON. */
export interface Subject {
  id: string;
  state: object;
}

/** The hooks of one point: first those of the daemon, then those of the spec. Pure. */
export function hooksAt<P extends keyof Hooks>(point: P, daemon: Hooks, own: Hooks): NonNullable<Hooks[P]> {
  const [first, second] = [daemon[point], own[point]];
  if (first === undefined && second === undefined) return [] as NonNullable<Hooks[P]>;
  return [...(first ?? []), ...(second ?? [])] as NonNullable<Hooks[P]>;
}

/**
 * Runs the hooks of a point one after another.
 * @throws NiwaError HOOK_FAILED if a hook fails whose failure also fails the start; the hooks after it do not run
 */
export async function runPoint(
  point: HookPoint,
  hooks: readonly Hook[],
  subject: Subject,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (const hook of hooks) {
    if (signal.aborted) return;
    const failure = await runOne(point, hook, subject, log, signal);
    if (failure === null || hook.onError === 'log') continue;
    throw new NiwaError(
      'HOOK_FAILED',
      `container ${subject.id} did not start: its ${point} hook ${hook.args[0]} failed: ${failure}. The log of niwad contains its output.`,
    );
  }
}

/** Runs an interval hook once. */
export async function runInterval(
  hook: IntervalHook,
  subject: Subject,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await runOne('interval', hook, subject, log, signal);
}

/** Gives the reason of the hook's failure; null if the hook succeeded. */
async function runOne(
  point: HookPoint | 'interval',
  program: Program,
  { id, state }: Subject,
  log: Logger,
  signal: AbortSignal,
): Promise<string | null> {
  const variables = { NIWA_ID: id, NIWA_HOOK: point };
  const { failure, ...rest } = await runHook(
    program,
    variables,
    `${JSON.stringify({ hook: point, ...state })}\n`,
    signal,
  );
  const fields = { id, hook: point, program: program.args[0], ...rest };
  if (failure !== null) log.warn({ ...fields, failure }, 'a hook failed');
  else if (point === 'interval') log.debug(fields, 'a hook ran');
  else log.info(fields, 'a hook ran');
  return failure;
}
