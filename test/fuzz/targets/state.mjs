// @ts-check
// A state file of a container. What is whole can be taken over; what is damaged is mended, and then whole when it is
// read again.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mend } from '../../../dist/containers/mend.js';
import { identityOf } from '../../../dist/engine/identity.js';
import { exitOf } from '../../../dist/engine/saved-state.js';
import { StateFiles } from '../../../dist/engine/state-files.js';
import { recordOf } from '../../../dist/engine/usage-record.js';
import { temporaryFolder } from '../temporary.mjs';

const ID = 'fuzzed';
const folder = temporaryFolder();
const stateFiles = new StateFiles(folder);
mkdirSync(stateFiles.directoryOf(ID));
/** Nobody else knows anything of it. */
const NOTHING = { cgroup: '/group', bootId: 'boot', kept: false, oldest: null, lease: null, interim: undefined };

/** @type {import('../worker.mjs').Target} */
export default { run, maxBytes: 1024 * 1024, maxCpuMs: 100, json: true };

/** @param {Buffer} input */
async function run(input) {
  writeFileSync(join(stateFiles.directoryOf(ID), 'state.json'), input);
  const { whole, damaged } = await stateFiles.load();
  for (const state of whole) use(state);
  for (const one of damaged) {
    const mended = mend(one, NOTHING);
    stateFiles.save(mended);
    const again = await stateFiles.load();
    assert.deepEqual(again.damaged, []);
    assert.deepEqual(again.whole, [JSON.parse(JSON.stringify(mended))]);
    use(mended);
  }
  return damaged.map(({ reason }) => reason.replace(/"[^"]*"|[0-9]+/g, '')).join();
}

/** @param {import('../../../dist/engine/state-files.js').SavedState} state */
function use(state) {
  identityOf(state);
  recordOf(state, state.exit ?? exitOf(state, undefined));
}
