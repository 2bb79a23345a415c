import type { Logger } from 'pino';
import type { Runtime } from '../containers/runtime.js';
import type { Container } from '../engine/container.js';
import type { Kernel } from '../kernel/kernel.js';
import { NiwaError } from '../protocol/errors.js';
import type { Tell } from './check.js';
import type { Connection } from './connection.js';
import type { LateHooks } from './late-hooks.js';
import { FRAME } from './messages.js';
import type { OciNames } from './names.js';
import type { Call } from './options.js';
import type { Annotation } from './spec.js';
import { type OciState, type OciStatus, ociState, statusOf } from './state.js';

/** What the verbs act on. */
export interface VerbParts {
  runtime: Runtime;
  kernel: Pick<Kernel, 'births' | 'host'>;
  names: OciNames;
  /** The annotations that have an effect. */
  honoured: readonly Annotation[];
  lateHooks: LateHooks;
  log: Logger;
}

/** Does what a command asks for, and gives the text for its standard output. */
export type Verb = (parts: VerbParts, call: Call, connection: Connection) => Promise<string>;

/**
 * Gives the container that the first argument of a request names; where the command says which one it has made, no
 * other one that has its name by now.
 * @throws NiwaError NOT_FOUND, SPEC_INVALID
 */
export function containerOf({ runtime, names }: VerbParts, call: Call): Container {
  return runtime.get(names.idOf(call.root, call.argument(0, 'the id of the container'), call.value('made')));
}

/** Gives the state of a container as the OCI runtime-spec has it. */
export function stateOf(parts: VerbParts, container: Container): OciState {
  const { oci } = container.spec;
  if (oci === undefined) throw new NiwaError('INTERNAL', `container ${container.id} is of no engine`);
  return ociState(container, oci, hasEnded(parts, container));
}

/** Gives the status of a container in the OCI's words. */
export function statusNow(parts: VerbParts, container: Container): OciStatus {
  return statusOf(container, hasEnded(parts, container));
}

/** Whether a container has ended that niwad removes at its end, as that of a run: for commands it has gone then. */
export function isOver(parts: Pick<VerbParts, 'runtime' | 'kernel'>, id: string): boolean {
  const container = parts.runtime.get(id);
  return container.spec.autoRemove === true && hasEnded(parts, container);
}

/** An engine may ask as soon as it has reaped the process, before niwad has heard of the end. */
function hasEnded({ kernel }: Pick<VerbParts, 'kernel'>, { state: known, handle }: Container): boolean {
  return known === 'exited' || kernel.births.hasEnded(handle);
}

const MOST_NAMED = 20;

/** Gives what is told of fields without effect: the command writes a warning to the log of its engine. */
export function warningOf(connection: Connection): Tell {
  return (fields) => {
    const more = fields.length > MOST_NAMED ? [`${fields.length - MOST_NAMED} more`] : [];
    const named = [...fields.slice(0, MOST_NAMED), ...more].join(', ');
    connection.send(
      FRAME.warning,
      `niwa-oci does not know these or cannot honour them as they are, and goes on without: ${named}`,
    );
  };
}

/** Makes the error for a request that the status of a container does not allow. */
export function conflict(message: string): NiwaError {
  return new NiwaError('STATE_CONFLICT', message);
}
