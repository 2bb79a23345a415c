import { expect, it } from 'vitest';
import { type Decision, decide, type Found } from '../../../src/container/reconcile.js';

type Phase = Found['stored']['phase'];
const found = (phase: Phase, groupExists: boolean, recorded: boolean, bootId = 'this'): Found => ({
  stored: { phase, bootId },
  bootId: 'this',
  groupExists,
  recorded,
});

it.each<[what: string, found: Found, decision: Decision]>([
  ['a running one', found('started', true, false), 'adopt'],
  ['a created one', found('created', true, false), 'adopt'],
  ['one that nobody was told of', found('making', true, false), 'undo'],
  ['one that was not begun', found('making', false, false), 'lose'],
  ['one whose group is gone', found('started', false, false), 'lose'],
  ['one of an earlier boot', found('started', false, false, 'earlier'), 'lose'],
  ['one of an earlier boot, whose name another group has', found('started', true, false, 'earlier'), 'lose'],
  ['one with a record, and a group still', found('started', true, true), 'finish'],
  ['one with a record, and a group of another boot', found('started', true, true, 'earlier'), 'close'],
  ['one with a record', found('created', false, true), 'close'],
  ['a failed start with a record', found('making', false, true), 'close'],
  ['one that has exited', found('exited', false, true), 'keep'],
  ['one that has exited, with a group still', found('exited', true, true), 'keep'],
  ['one that has exited in an earlier boot', found('exited', false, false, 'earlier'), 'keep'],
])('%s', (_what, facts, decision) => {
  expect(decide(facts)).toBe(decision);
});
