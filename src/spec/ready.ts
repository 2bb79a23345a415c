import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import type { Ready, ReadyCheck } from '../protocol/resolved-hooks.js';
import type { SpecInput } from '../protocol/spec.js';
import { outside } from './hooks.js';
import { show } from './problems.js';
import { durationUsec } from './quantities.js';

type ReadyInput = NonNullable<SpecInput['ready']>;
type CheckInput = Pick<ReadyInput, 'tcp' | 'http' | 'command'>;

const CHECKS = ['tcp', 'http', 'command'] as const;
const DEFAULT_EVERY_USEC = 100e3;
const DEFAULT_TIMEOUT_USEC = 30e6;

/** Finds the problems of the readiness check that a schema cannot find. Pure. */
export function* readyProblems({ ready, hooks }: SpecInput): Iterable<FieldProblem> {
  if (ready === undefined) {
    if (hooks?.onReady !== undefined)
      yield {
        path: 'hooks.onReady',
        found: show(hooks.onReady),
        allowed: 'nothing without "ready": nobody would find out',
      };
    return;
  }
  yield* checkProblems('ready', ready);
  yield* outside('ready.every', ready.every, 10e3, 3600e6, 'from 10ms to 1h');
  yield* outside('ready.timeout', ready.timeout, 1000, 86_400e6, 'from 1ms to 1d');
}

/** Finds the problems of the way in which a container is asked. @param path names the field with the check */
export function* checkProblems(path: string, input: CheckInput): Iterable<FieldProblem> {
  if (CHECKS.filter((name) => input[name] !== undefined).length !== 1)
    yield { path, found: show(input), allowed: `exactly one of ${CHECKS.join(', ')}` };
  if (input.command?.[0] === '')
    yield { path: `${path}.command[0]`, found: '""', allowed: 'the name or path of a program in the container' };
}

/** Fills in the defaults of a readiness check that was checked. */
export function normaliseReady(input: ReadyInput): Ready {
  const usec = (given: string | number | undefined, otherwise: number) =>
    given === undefined ? otherwise : durationUsec(given);
  return {
    check: toCheck(input),
    everyUsec: usec(input.every, DEFAULT_EVERY_USEC),
    timeoutUsec: usec(input.timeout, DEFAULT_TIMEOUT_USEC),
    onTimeout: input.onTimeout ?? 'stop',
  };
}

/** Gives the check that was checked by {@link checkProblems}, with its defaults. */
export function toCheck({ tcp, http, command }: CheckInput): ReadyCheck {
  if (command !== undefined) return { type: 'command', args: command };
  if (http !== undefined) return { type: 'http', port: http.port, path: http.path, status: http.status ?? null };
  if (tcp !== undefined) return { type: 'tcp', port: tcp };
  throw new NiwaError('INTERNAL', 'a readiness check of nothing has passed the checks');
}
