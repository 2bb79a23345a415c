// @ts-check
import assert from 'node:assert/strict';
import { mend } from '../../dist/containers/mend.js';
import { identityOf } from '../../dist/engine/identity.js';
import { exitOf } from '../../dist/engine/saved-state.js';
import { recordOf } from '../../dist/engine/usage-record.js';

/** Nobody else knows anything of a container. */
const NOTHING = { cgroup: '/group', bootId: 'boot', kept: false, oldest: null, lease: null, interim: undefined };

/**
 * Loads states, mends those that are damaged, and loads them again: all have to be whole then, and the same. Gives
 * what was wrong.
 * @param {import('../../dist/engine/state-store.js').StateStore} states
 */
export async function takeAll(states) {
  const { whole, damaged, strayLines } = await states.load();
  const mended = damaged.map((one) => {
    states.setAside(one);
    return mend(one, NOTHING);
  });
  const all = [...whole, ...mended];
  for (const state of mended) states.save(state);
  states.removeDamaged();
  const again = await states.load();
  assert.deepEqual(again.damaged, []);
  assert.equal(again.strayLines, 0);
  assert.deepEqual(again.whole.map(asText).sort(), all.map(asText).sort());
  for (const state of all) use(state);
  return [strayLines > 0, whole.length, ...damaged.map(({ reason }) => reason.replace(/"[^"]*"|[0-9]+/g, ''))].join();
}

/** @param {import('../../dist/engine/saved-state-types.js').SavedState} state */
function asText({ spec, run, phase, pid, deadlineNs, exit, usage }) {
  return JSON.stringify([spec.id, spec.process, run, phase, pid, deadlineNs, exit, usage]);
}

/** @param {import('../../dist/engine/saved-state-types.js').SavedState} state */
function use(state) {
  identityOf(state, { handle: 0, plan: null });
  recordOf(state, state.exit ?? exitOf(state, undefined));
}
