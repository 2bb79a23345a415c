// @ts-check
// Two segments of a ledger, which an empty line divides. Damaged lines are counted; whole ones are what would be
// written again.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { LedgerReading } from '../../../dist/accounting/ledger-reading.js';
import { fromLine, toLine } from '../../../dist/accounting/record.js';
import { findSegments, linesOf, segmentPath } from '../../../dist/accounting/segment.js';
import { repairLines } from '../repair.mjs';
import { temporaryFolder } from '../temporary.mjs';

const folder = temporaryFolder();

/** @type {import('../worker.mjs').Target} */
export default { run, repair: repairLines, maxBytes: 256 * 1024, maxCpuMs: 100 };

/** @param {Buffer} input */
async function run(input) {
  const middle = input.indexOf('\n\n');
  const parts = middle < 0 ? [input, Buffer.alloc(0)] : [input.subarray(0, middle + 1), input.subarray(middle + 2)];
  for (const [i, part] of parts.entries()) writeFileSync(segmentPath(folder, i + 1), part);
  const segments = await findSegments(folder);
  let [whole, damaged] = [0, 0];
  for (const { path, size } of segments)
    for await (const lines of linesOf(path, size))
      for (const { entry } of lines) {
        if (entry === null) damaged++;
        else {
          whole++;
          const again = rewritten(entry);
          assert.deepEqual(again && rewritten(again), again);
        }
      }
  const reading = new LedgerReading(segments, { since: null, until: null });
  let records = 0;
  for await (const { type } of reading) records += type === undefined ? 0 : 1;
  assert.ok(records <= whole && reading.skippedLines <= damaged);
  return `${Math.min(whole, 9)} ${Math.min(damaged, 9)} ${segments.map(({ header }) => header !== null)}`;
}

/** @param {import('../../../dist/accounting/record.js').Entry} entry */
function rewritten(entry) {
  return fromLine(Buffer.from(toLine(entry).trimEnd()));
}
