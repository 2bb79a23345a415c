import { type Caller, nameForTurns, withRealPaths } from '../../access/allowed.js';
import { requireExecPermission } from '../../access/permissions.js';
import { type Exec, resolveExec, startExec } from '../../engine/exec.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Starts an additional process in a container that runs.
 * @param input the request, see src/spec/exec.ts
 * @throws NiwaError NOT_FOUND, SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function exec(parts: Parts, caller: Caller, id: string, input: unknown): Promise<Exec> {
  const container = containerFor('execInContainer', parts, caller, id);
  const { spec } = container;
  const asked = await resolveExec(spec, input, `user ${caller.uid}`);
  requireExecPermission(spec, asked, caller, await withRealPaths(parts.allowed, spec, caller));
  return await startExec(container, asked, { caller: nameForTurns(caller) }, parts.kernel);
}
