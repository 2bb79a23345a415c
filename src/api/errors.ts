import { toHostError } from '../host/errors.js';
import { type ErrorBody, type ErrorCode, NiwaError } from '../protocol/errors.js';

/** The HTTP status of each error code. */
const STATUS: Record<ErrorCode, number> = {
  SPEC_INVALID: 400,
  IMAGE_INVALID: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  ID_IN_USE: 409,
  ADDRESS_IN_USE: 409,
  STATE_CONFLICT: 409,
  HOST_UNSUPPORTED: 422,
  TOO_MANY_REQUESTS: 429,
  START_FAILED: 422,
  HOOK_FAILED: 422,
  PATH_TIMEOUT: 504,
  HOST_ERROR: 500,
  INTERNAL: 500,
  DRAINING: 503,
  DAEMON_UNREACHABLE: 503,
};

/** Turns any error of a request into a status and a body. */
export function toErrorReply(error: unknown): { status: number; body: ErrorBody } {
  const known = error instanceof NiwaError ? error : toHostError(error);
  if (known !== null) {
    const { code, message, details } = known;
    return { status: STATUS[code], body: { code, message, ...details } };
  }
  const { statusCode = 500, message } = error as { statusCode?: number; message?: string };
  if (statusCode < 500)
    return { status: statusCode, body: { code: 'SPEC_INVALID', message: `the request is invalid: ${message}` } };
  return {
    status: 500,
    body: { code: 'INTERNAL', message: `a defect of niwa: ${message}; the daemon's log says more` },
  };
}
