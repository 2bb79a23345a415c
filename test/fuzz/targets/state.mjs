// @ts-check
// A state file of a container, as a niwad wrote it that knew no journal. What is whole is taken into the journal; what
// is damaged is mended, and then whole when it is read again.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StateStore } from '../../../dist/engine/state-store.js';
import { takeAll } from '../states.mjs';
import { temporaryFolder } from '../temporary.mjs';

const ID = 'fuzzed';
const states = new StateStore(join(temporaryFolder(), 'containers'));

/** @type {import('../worker.mjs').Target} */
export default { run, maxBytes: 1024 * 1024, maxCpuMs: 100, json: true };

/** @param {Buffer} input */
async function run(input) {
  mkdirSync(states.directoryOf(ID), { recursive: true });
  writeFileSync(join(states.directoryOf(ID), 'state.json'), input);
  const outcome = await takeAll(states);
  states.remove(ID);
  return outcome;
}
