import { describe, expect, it } from 'vitest';
import { callerOf, type Groups, groupNumber, roleOf } from '../../../src/api/peer.js';
import { refusal } from '../support.js';

const FULL = 10;
const READ = 20;
const both: Groups = { full: FULL, read: READ };
const none: Groups = { full: null, read: null };
const peer = (uid: number, ...groups: number[]) => ({ pid: 1, uid, groups });

describe('the role of a peer', () => {
  it.each([
    ['root', peer(0, 0), both, 'full'],
    ['root without groups', peer(0), none, 'full'],
    ['a member of the group', peer(1000, 1000, FULL), both, 'full'],
    ['a user whose own group it is', peer(1000, FULL), both, 'full'],
    ['a member of the group that reads', peer(1000, 1000, READ), both, 'read'],
    ['a member of both', peer(1000, READ, FULL), both, 'full'],
    ['a stranger', peer(1000, 1000, 30), both, 'none'],
    ["a member of root's group", peer(1000, 0), none, 'none'],
    ["a member of root's group where that is the group", peer(1000, 0), { full: 0, read: null }, 'full'],
    ['a user whose number is that of the group', peer(FULL, 1000), both, 'none'],
  ] as const)('%s', (_, who, groups, role) => {
    expect(roleOf(who, groups)).toBe(role);
  });

  it('says who asks, with the primary group', () => {
    expect(callerOf(peer(0), both)).toEqual({ uid: 0, gid: 0, role: 'full' });
    expect(callerOf(peer(1000, 1000, FULL), both)).toEqual({ uid: 1000, gid: 1000, role: 'full' });
    expect(callerOf(peer(1000, 1000, READ), both)).toEqual({ uid: 1000, gid: 1000, role: 'read' });
  });

  it('lets nobody else use the socket', () => {
    expect(refusal(() => callerOf(peer(1000), both)).message).toMatch(/^user 1000 may not use this socket/);
    expect(refusal(() => callerOf(undefined, both))).toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringMatching(/^an unknown peer may not use this socket/),
    });
  });
});

describe('a group of the configuration', () => {
  it.each([
    [null, null],
    [0, 0],
    [4_000_000, 4_000_000],
    ['root', 0],
  ])('%s is the number %s', (group, number) => {
    expect(groupNumber(group)).toBe(number);
  });

  it.each(['no-such-group', 'roo', ''])('that is not there, %j, is refused with the cure', (group) => {
    const error = refusal(() => groupNumber(group));
    expect(error.code).toBe('HOST_ERROR');
    expect(error.message).toContain('groupadd');
  });
});
