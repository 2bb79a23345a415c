// @module-tag vm
// Technique: containers that start slowly. A start holds a thread of niwad until the workload runs: were the boot
// program bound by the container's own limits, twenty containers with a hundredth of a processor would keep all others
// from their starts.
import { expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { test } from './attack.js';

test('slow starts: a hundredth of a processor binds the workload, and not its start', async ({ niwad, skip }) => {
  needsController(skip, 'cpu');
  const begun = performance.now();
  const cheap = await niwad.start({ process: { args: ['sleep', '1000'] }, resources: { cpu: { max: 0.01 } } });
  const started = performance.now();
  expect(niwad.groupFile(cheap.id, 'cpu.max')).toBe('1000 100000');
  // The control: an exec is born in the group, so that its boot program is bound by the limit.
  expect(await niwad.cli('exec', cheap.id, 'true')).toMatchObject({ exitCode: 0 });
  const [start, exec] = [started - begun, performance.now() - started];
  console.log(`a start with 0.01 processors ${start.toFixed()} ms, an exec in it ${exec.toFixed()} ms`);
  expect(exec).toBeGreaterThan(2 * start);
  await niwad.client.remove(cheap.id, { force: true });
});
