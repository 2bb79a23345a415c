import type { Caller } from '../../access/allowed.js';
import { type Exec, execIn } from '../exec.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Starts an additional process in a container that runs.
 * @param input the request, see src/spec/exec.ts
 * @throws NiwaError NOT_FOUND, SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function exec(parts: Parts, caller: Caller, id: string, input: unknown): Promise<Exec> {
  return await execIn(containerFor('execInContainer', parts, caller, id), input, caller, parts.allowed, parts.kernel);
}
