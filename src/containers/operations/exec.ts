import { type Caller, nameForTurns, withRealPaths } from '../../access/allowed.js';
import { requireExecPermission } from '../../access/permissions.js';
import type { Container } from '../../engine/container.js';
import { type Exec, resolveExec, startDetached, startExec } from '../../engine/exec.js';
import type { ExecStarted } from '../../protocol/exec.js';
import type { ExecSpec } from '../../spec/exec.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Starts an additional process in a container that runs.
 * @param input the request, see src/spec/exec.ts
 * @throws NiwaError NOT_FOUND, SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function exec(parts: Parts, caller: Caller, id: string, input: unknown): Promise<Exec> {
  const { container, asked } = await permitted(parts, caller, id, input);
  return await startExec(container, asked, { caller: nameForTurns(caller) }, parts.kernel);
}

/**
 * Starts an additional process in a container that runs on its own, and tells its start and its end as events.
 * @param input the request, see src/spec/exec.ts
 * @throws NiwaError as {@link exec}
 */
export async function execDetached(parts: Parts, caller: Caller, id: string, input: unknown): Promise<ExecStarted> {
  const { registry, kernel } = parts;
  const { container, asked } = await permitted(parts, caller, id, input);
  const { exited, ...started } = await startDetached(container, asked, { caller: nameForTurns(caller) }, kernel);
  registry.tell('exec-started', container.spec, { exec: started });
  void exited.then((end) => registry.tell('exec-ended', container.spec, { exec: { ...started, ...end } }));
  return started;
}

async function permitted(
  parts: Parts,
  caller: Caller,
  id: string,
  input: unknown,
): Promise<{ container: Container; asked: ExecSpec }> {
  const container = containerFor('execInContainer', parts, caller, id);
  const { spec } = container;
  const asked = await resolveExec(spec, input, `user ${caller.uid}`);
  requireExecPermission(spec, asked, caller, await withRealPaths(parts.allowed, spec, caller));
  return { container, asked };
}
