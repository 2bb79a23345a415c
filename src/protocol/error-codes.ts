/**
 * The codes of all errors of niwa. Scripts may depend on them, so no code is ever renamed.
 *
 * - `SPEC_INVALID`: the input is wrong; `details` lists each wrong field.
 * - `HOST_UNSUPPORTED`: the input is right, but this host cannot enforce it.
 * - `IMAGE_INVALID`: the file to import is no image, is damaged, or is not for this machine.
 * - `NOT_FOUND`: no container has this id, or no image has this name.
 * - `METHOD_NOT_ALLOWED`: the path of the request has no such method.
 * - `ID_IN_USE`: a container with this id exists already.
 * - `ADDRESS_IN_USE`: the address or the port of the host that was asked for is taken.
 * - `STATE_CONFLICT`: the state of the container does not allow the operation.
 * - `START_FAILED`: a step of making or starting the container failed; everything was undone.
 * - `HOOK_FAILED`: a hook failed that makes the start fail; everything was undone.
 * - `PATH_TIMEOUT`: a path of the host does not answer, since its file system hangs.
 * - `FORBIDDEN`: the caller on the socket may not do this.
 * - `TOO_MANY_REQUESTS`: the caller asks more often than the operator allows.
 * - `DRAINING`: this node is being drained, and takes no new containers.
 * - `DAEMON_UNREACHABLE`: the client found no niwad on the socket, or a niwad that is stopping and has not done the
 *   request.
 * - `HOST_ERROR`: a system call or a file of the host failed.
 * - `INTERNAL`: a defect of niwa.
 */
export const ERROR_CODES = [
  'SPEC_INVALID',
  'IMAGE_INVALID',
  'FORBIDDEN',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'ID_IN_USE',
  'ADDRESS_IN_USE',
  'STATE_CONFLICT',
  'HOST_UNSUPPORTED',
  'TOO_MANY_REQUESTS',
  'START_FAILED',
  'HOOK_FAILED',
  'PATH_TIMEOUT',
  'HOST_ERROR',
  'INTERNAL',
  'DRAINING',
  'DAEMON_UNREACHABLE',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];
