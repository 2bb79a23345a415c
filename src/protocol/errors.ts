import type { ErrorCode } from './error-codes.js';
import type { ErrorDetails } from './error-schema.js';

export type { ErrorCode } from './error-codes.js';
export type { ErrorBody, ErrorDetails, FailedStep, FieldProblem } from './error-schema.js';

/**
 * The one error class of niwa. It has a stable code, a message that names cause and cure, and the error from which it
 * came.
 */
export class NiwaError extends Error {
  override readonly name = 'NiwaError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /**
   * @param code stable, see {@link ErrorCode}
   * @param message names the cause and the cure
   * @param options `details`: for programs; `cause`: the error from which this one came
   */
  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Gives the message of anything that may have been thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
