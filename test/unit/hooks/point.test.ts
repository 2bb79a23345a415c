import { expect, it } from 'vitest';
import { endPoints } from '../../../src/containers/container-hooks.js';
import { hooksAt } from '../../../src/hooks/point.js';
import type { ExitReason } from '../../../src/protocol/container.js';
import { specOf } from '../support.js';

it("runs the daemon's hooks before those of the spec", () => {
  const hooksOf = (name: string) =>
    specOf({ hooks: { onStop: [{ args: [`/${name}/1`] }, { args: [`/${name}/2`] }] } }).hooks;
  const files = hooksAt('onStop', hooksOf('daemon'), hooksOf('own')).map(({ file }) => file);
  expect(files).toEqual(['/daemon/1', '/daemon/2', '/own/1', '/own/2']);
  expect(hooksAt('afterExit', hooksOf('daemon'), hooksOf('own'))).toEqual([]);
});

it.each<[ExitReason, number | null, boolean]>([
  ['exited', 0, false],
  ['stopped', 0, false],
  ['stopped', null, false],
  ['killed', null, false],
  ['lifetime', 143, false],
  ['exited', 1, true],
  ['signaled', null, true],
  ['oom', null, true],
  ['start-failed', null, true],
  ['unknown', null, true],
])('an end by %s with the status %s is a failure: %s', (reason, code, failure) => {
  const points = endPoints({ reason, code, signal: null, at: '' });
  expect(points).toEqual(failure ? ['afterExit', 'onFailure'] : ['afterExit']);
});
