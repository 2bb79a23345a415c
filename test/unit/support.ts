import { join } from 'node:path';
import type { SavedState } from '../../src/engine/saved-state-types.js';
import { StateStore } from '../../src/engine/state-store.js';
import type { PlanHost } from '../../src/plan/plan.js';
import { type FieldProblem, NiwaError } from '../../src/protocol/errors.js';
import type { Spec } from '../../src/protocol/resolved-spec.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import { parseSpec } from '../../src/spec/spec.js';

/** A spec of the fewest words, with `fields` in it. */
export function specOf(fields: Partial<SpecInput> = {}): Spec {
  return parseSpec({ process: { args: ['/bin/true'] }, ...fields }, 'free-id');
}

/** Gives the error with which niwa refuses; anything else that is thrown goes on. */
export function refusal(action: () => unknown): NiwaError {
  try {
    action();
  } catch (error) {
    if (error instanceof NiwaError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Gives the problems of a refusal as SPEC_INVALID. */
export function problemsIn(action: () => unknown): FieldProblem[] {
  const error = refusal(action);
  if (error.code !== 'SPEC_INVALID') throw error;
  return error.details.problems ?? [];
}

/** Changes the saved state of a container of a niwad that has ended; gives the state before. */
export async function changeState(directory: string, id: string, fields: Partial<SavedState>): Promise<SavedState> {
  const states = new StateStore(join(directory, 'containers'));
  const { whole } = await states.load();
  const saved = whole.find(({ spec }) => spec.id === id);
  if (saved === undefined) throw new Error(`there is no state of ${id}`);
  states.save({ ...saved, ...fields });
  return saved;
}

/** A host that has everything. */
export const capableHost: PlanHost = {
  containersCgroup: '/sys/fs/cgroup/niwa/containers',
  controllers: { available: ['cpu', 'memory', 'io', 'pids', 'cpuset'], missing: {} },
  stage: '/run/niwa/stage',
  devices: { '/dev/vda': '254:0', '/dev/vdb': '254:16' },
  deviceNodes: [],
  filtersDevices: true,
  idRange: { start: 0x7000_0000, size: 65_536 },
  oomProtected: false,
  placeBytes: null,
  openFiles: { name: 'nofile', soft: 1024, hard: 524_288 },
  absent: [],
  network: null,
  compileSeccomp: ({ syscalls = [] }) => [BigInt(syscalls.length), 0x7fff_0000_0000_0006n],
};
