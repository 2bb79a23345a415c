import { expect, it } from 'vitest';
import { type Decision, decide, type Found } from '../../../src/containers/reconcile.js';

type Phase = Found['saved']['phase'];
const found = (phase: Phase, groupExists: boolean, bootId = 'this'): Found => ({
  saved: { phase, bootId },
  bootId: 'this',
  groupExists,
});

it.each<[what: string, found: Found, decision: Decision]>([
  ['a running one', found('started', true), 'adopt'],
  ['a created one', found('created', true), 'adopt'],
  ['one that nobody was told of', found('making', true), 'undo'],
  ['one that was not begun', found('making', false), 'lose'],
  ['one whose group is gone', found('started', false), 'lose'],
  ['one of an earlier boot', found('started', false, 'earlier'), 'lose'],
  ['one of an earlier boot, whose name another group has', found('started', true, 'earlier'), 'lose'],
  ['one that has exited', found('exited', false), 'keep'],
  ['one that has exited, with a group still', found('exited', true), 'keep'],
  ['one that has exited in an earlier boot', found('exited', false, 'earlier'), 'keep'],
])('%s', (_what, facts, decision) => {
  expect(decide(facts)).toBe(decision);
});
