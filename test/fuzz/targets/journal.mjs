// @ts-check
// A segment of the journal of states. What is damaged is mended, and then whole when it is read again.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StateStore } from '../../../dist/engine/state-store.js';
import { repairLines } from '../repair.mjs';
import { takeAll } from '../states.mjs';
import { temporaryFolder } from '../temporary.mjs';

const folder = temporaryFolder();

/** @type {import('../worker.mjs').Target} */
export default { run, repair: repairLines, maxBytes: 256 * 1024, maxCpuMs: 100 };

/** @param {Buffer} input */
async function run(input) {
  for (const name of ['states', 'containers']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, 'states'));
  writeFileSync(join(folder, 'states', '00000001.ndjson'), input);
  return await takeAll(new StateStore(join(folder, 'containers')));
}
