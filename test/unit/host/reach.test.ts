import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reach } from '../../../src/host/reach.js';

const WAVES = 20;

/** The processes that this process has begun and that have not ended. */
function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '');
}

test('many errands at once are done by the same few processes each time', async () => {
  const wave = () => Promise.all(Array.from({ length: 16 }, () => reach('user 0', [['real', '/usr/..']])));
  for (const [found] of await wave()) expect(found?.errno).toBe(0);
  const seen = new Set(children());
  const before = seen.size;
  for (let i = 0; i < WAVES; i++) {
    await wave();
    for (const pid of children()) seen.add(pid);
  }
  expect(seen.size - before).toBeLessThan(WAVES / 2); // one more may begin where the machine is slow
});
