import { NiwaError } from '../protocol/errors.js';
import { knownSignal } from '../spec/signals.js';

/** The exit statuses of `niwa`; those of `niwa run` are the same as Docker's. */
export const EXIT = { ok: 0, failed: 1, wrongUsage: 2, niwaFailed: 125, notExecutable: 126, notFound: 127 } as const;

/** The exit status of a command that failed with `error`. */
export function statusOfError(error: unknown): number {
  return error instanceof NiwaError && error.code === 'SPEC_INVALID' ? EXIT.wrongUsage : EXIT.failed;
}

/** The exit status of `niwa run` if the container did not start. */
export function statusOfFailedRun(error: unknown): number {
  if (!(error instanceof NiwaError)) return EXIT.niwaFailed;
  if (error.code === 'SPEC_INVALID') return EXIT.wrongUsage;
  const { step } = error.details;
  if (step?.operation !== 'exec') return EXIT.niwaFailed;
  return step.errno === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable;
}

/** The exit status of `niwa run` after the container has ended: the container's own status, or 128 + n for signal n. */
export function statusOfExit({ code, signal }: { code: number | null; signal: string | null }): number {
  if (code !== null) return code;
  return signal === null ? EXIT.niwaFailed : 128 + knownSignal(signal);
}
