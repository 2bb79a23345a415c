import type { Caller } from '../../access/allowed.js';
import { type Exec, execIn } from '../exec.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Makes a further process in a container that runs.
 * @param input what src/spec/exec.ts describes
 * @throws NiwaError NOT_FOUND, SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then nothing is left of it
 */
export async function exec(parts: Parts, caller: Caller, id: string, input: unknown): Promise<Exec> {
  return await execIn(containerFor('execInContainer', parts, caller, id), input, caller, parts.allowed, parts.kernel);
}
