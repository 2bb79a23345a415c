import { expect, it } from 'vitest';
import { Admission } from '../../../src/api/connections.js';
import { refusal } from '../support.js';

const limits = { connections: 5, connectionsPerUser: 3 };

it('bounds the connections of each user, and of all but root together', () => {
  const admission = new Admission(limits);
  for (const uid of [7, 7, 7]) admission.admit(uid);
  const own = refusal(() => admission.admit(7));
  expect(own.code).toBe('TOO_MANY_REQUESTS');
  expect(own.message).toContain('user 7 has 3 connections, as many as connectionsPerUser');
  for (const uid of [8, 9]) admission.admit(uid);
  expect(refusal(() => admission.admit(8)).message).toContain('users other than root have 5 connections');
});

it('lets root in whatever others hold, up to a bound of its own', () => {
  const admission = new Admission(limits);
  for (const uid of [7, 7, 7, 8, 8, 0, 0, 0, 0, 0]) admission.admit(uid);
  expect(refusal(() => admission.admit(0)).message).toContain('root has 5 connections');
});

it('gives back what is closed', () => {
  const admission = new Admission(limits);
  for (let round = 0; round < 3; round++) {
    for (const uid of [7, 7, 7, 8, 8]) admission.admit(uid);
    expect(refusal(() => admission.admit(9)).code).toBe('TOO_MANY_REQUESTS');
    for (const uid of [7, 7, 7, 8, 8]) admission.leave(uid);
  }
  expect(() => admission.admit(9)).not.toThrow();
});
