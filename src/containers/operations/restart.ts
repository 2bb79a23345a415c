import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import { containerFor, type Parts } from '../parts.js';
import { requireRerunnable, rerun } from '../restarts/rerun.js';
import { start } from './start.js';
import type { StopOptions } from './stop.js';

/**
 * Stops a container if it runs, and starts it again as a further run; starts one that was created or has ended.
 * @throws NiwaError the errors of stop() and start(). If the container has ended by then, it stays so
 */
export async function restart(
  parts: Parts,
  caller: Caller,
  id: string,
  { timeoutUsec, signal }: StopOptions,
): Promise<Container> {
  const container = containerFor('restartContainer', parts, caller, id);
  if (container.state === 'created' || container.state === 'exited') return await start(parts, caller, id);
  await requireRerunnable(parts, container, caller); // before anything is stopped
  parts.admission.require();
  container.control.beginStop(timeoutUsec, signal);
  await container.exited;
  return await rerun(parts, container, caller);
}
