import { expect, it } from 'vitest';
import { type Allowed, type Caller, NOTHING_ALLOWED, ROOT } from '../../../src/access/allowed.js';
import { NEEDS, type Operation, Policy } from '../../../src/access/operations.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { refusal } from '../support.js';

const nothing: Allowed = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED };
const policy = new Policy(nothing);
const operations = Object.keys(NEEDS) as Operation[];
const member: Caller = { uid: 1000, gid: 1000, role: 'full' };
const reader: Caller = { uid: 1001, gid: 1001, role: 'read' };

it.each(operations)('decides about %s', (operation) => {
  expect(() => policy.require(operation, ROOT)).not.toThrow();
  const read = () => policy.require(operation, reader);
  if (NEEDS[operation] === 'look') expect(read).not.toThrow();
  else expect(refusal(read).message).toMatch(/^user 1001 may only look/);
  const act = () => policy.require(operation, member);
  if (NEEDS[operation] === 'drain') expect(refusal(act).message).toMatch(/^user 1000 may not drain this node/);
  else expect(act).not.toThrow();
});

it('lets others than root drain the node where the operator says so, but not those who only look', () => {
  const draining = new Policy({ ...nothing, drain: true });
  expect(() => draining.require('drain', member)).not.toThrow();
  expect(refusal(() => draining.require('undrain', reader)).message).toMatch(/may only look/);
  expect(refusal(() => new Policy({ ...nothing, privileged: true }).require('drain', member)).code).toBe('FORBIDDEN');
});
