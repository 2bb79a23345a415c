// @module-tag vm
// Technique: containers that start slowly. A start holds a thread of niwad until the workload runs: were the boot
// program bound by the container's own limits, twenty containers with a fiftieth of a processor would keep all others
// from their starts.
import { expect } from 'vitest';
import type { ResourcesInput } from '../../src/protocol/spec.js';
import { needsController } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { test } from './attack.js';

/** The milliseconds of a start with these limits, and of an exec in the container. */
async function timesWith(niwad: Niwad, resources: ResourcesInput) {
  const begun = performance.now();
  const { id } = await niwad.start({ process: { args: ['sleep', '1000'] }, resources });
  const started = performance.now();
  // An exec that is bound by the limit may take longer than niwad waits for it, and fail.
  await niwad.cli('exec', id, 'true');
  return { id, start: started - begun, exec: performance.now() - started };
}

test('slow starts: a fiftieth of a processor binds the workload, and not its start', async ({ niwad, skip }) => {
  needsController(skip, 'cpu');
  await timesWith(niwad, {}); // the first start on a machine takes longest
  const free = await timesWith(niwad, {});
  const cheap = await timesWith(niwad, { cpu: { max: 0.02 } });
  expect(niwad.groupFile(cheap.id, 'cpu.max')).toBe('2000 100000');
  // The control: an exec is born in the group, so that its boot program is bound by the limit.
  const [start, exec] = [cheap.start - free.start, cheap.exec - free.exec];
  console.log(`with 0.02 processors a start takes ${start.toFixed()} ms more, an exec in it ${exec.toFixed()} ms more`);
  expect(exec).toBeGreaterThan(1.3 * start);
});
