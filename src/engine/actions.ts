import type { State } from '../protocol/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';

/**
 * The requests on a container, and the states in which each is allowed: created -> running <-> paused, each of them ->
 * stopping -> exited. A container can also exit by itself from any state.
 */
const ALLOWED = {
  start: ['created'],
  stop: ['created', 'running', 'paused', 'stopping'],
  kill: ['created', 'running', 'paused', 'stopping'],
  pause: ['running'],
  resume: ['paused'],
  'exec in': ['running'],
  'copy files of': ['created', 'running'],
  'attach to': ['created', 'running', 'paused', 'stopping'],
  update: ['created', 'running', 'paused'],
  'change the lifetime of': ['created', 'running', 'paused'],
  remove: ['exited'],
} as const satisfies Record<string, readonly State[]>;

export type Action = keyof typeof ALLOWED;

/**
 * Throws unless the container's state allows the request.
 * @throws NiwaError STATE_CONFLICT
 */
export function requireState(action: Action, id: string, state: State): void {
  const allowed: readonly State[] = ALLOWED[action];
  if (allowed.includes(state)) return;
  const cure = state === 'paused' ? `; \`niwa resume ${id}\` lets it go on` : '';
  throw new NiwaError(
    'STATE_CONFLICT',
    `cannot ${action} container ${id}: it is ${state}, not ${allowed.join(' or ')}${cure}`,
  );
}

/**
 * Throws where an engine has the output of the container, and niwad has none.
 * @param verb of the engine that shows it
 * @throws NiwaError STATE_CONFLICT
 */
export function requireOutput(verb: 'attach' | 'logs', { id, oci }: Pick<Spec, 'id' | 'oci'>): void {
  if (oci === undefined) return;
  const cure = `ask it, such as by \`podman ${verb} ${oci.id}\``;
  throw new NiwaError('STATE_CONFLICT', `container ${id} is of an engine, which has its output: ${cure}`);
}
