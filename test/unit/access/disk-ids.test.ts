import { describe, expect, it } from 'vitest';
import { diskIdProblems, idsOfOthers, withDiskIds } from '../../../src/access/disk-ids.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { specOf } from '../support.js';

const root = { uid: 0, gid: 0 };
const alice = { uid: 1000, gid: 100 };
const bob = { uid: 1001, gid: 100 };
const allowed = { idRanges: new Map([[bob.uid, { start: 200_000, size: 1000 }]]) };
const bind = { type: 'bind' as const, source: '/srv/data', target: '/data' };
const writing: Partial<SpecInput>[] = [
  { mounts: [bind] },
  { root: { path: '/srv/root', overlay: { directory: '/srv/kept' } } },
  { root: { path: '/srv/root' } },
  { root: { path: '/srv/root', readonly: true } },
];
const reading: Partial<SpecInput>[] = [
  {},
  {
    mounts: [
      { ...bind, readonly: true },
      { type: 'tmpfs', target: '/t' },
    ],
  },
  { mounts: [{ ...bind, idmap: false }] },
  { root: { path: '/srv/root', overlay: true } },
  { root: { file: '/srv/root.sqfs', overlay: false } },
];
const owned = (fields: Partial<SpecInput>, caller = alice) => withDiskIds(specOf(fields), caller, allowed);
const run = (container: number, host: number, size: number) => [{ container, host, size }];

describe('the ids on disk of what a container writes to the host', () => {
  it.each(writing)("are its own where it is root's: %j", (fields) => {
    expect(owned(fields, root)).toEqual(specOf(fields));
  });

  it.each(writing)("are the caller's for its user alone: %j", (fields) => {
    const process = { args: ['a'], user: '33:44' };
    expect(owned({ ...fields, process }).diskIds).toEqual({ uids: run(33, 1000, 1), gids: run(44, 100, 1) });
  });

  it.each(writing)("are those of the caller's range: %j", (fields) => {
    const map = run(0, 200_000, 1000);
    expect(owned(fields, bob).diskIds).toEqual({ uids: map, gids: map });
  });

  it.each(reading)('are of no matter where it writes nothing, or has no ids there: %j', (fields) => {
    for (const caller of [alice, bob]) expect(owned(fields, caller).diskIds).toBeUndefined();
  });

  it('have to be there for its user', () => {
    const problems = (user: string, fields: Partial<SpecInput>, caller = bob) =>
      [...diskIdProblems(specOf({ ...fields, process: { args: ['a'], user } }), caller, allowed)].map(
        ({ path, found }) => [path, found],
      );
    expect(problems('999:999', { mounts: [bind] })).toEqual([]);
    for (const user of ['1000:0', '0:1000'])
      expect(problems(user, { mounts: [bind] })).toEqual([['process.user', `"${user}"`]]);
    expect(problems('1000:1000', {})).toEqual([]);
    expect(problems('1000:1000', { mounts: [bind] }, alice)).toEqual([]);
  });
});

describe('who acts in a container that writes to the host', () => {
  const paths = (fields: Partial<SpecInput>, by: typeof alice, caller: typeof alice) =>
    [...idsOfOthers(owned(fields, by), caller, allowed)].map(({ path }) => path);

  it.each(writing)('has its ids on disk already: %j', (fields) => {
    for (const caller of [alice, bob]) expect(paths(fields, caller, caller)).toEqual([]);
    for (const by of [alice, bob, root]) expect(paths(fields, by, root)).toEqual([]);
  });

  it.each(writing.map((fields, i) => [['mounts[0]', 'root.overlay.directory'][i] ?? 'root.path', fields] as const))(
    'or is refused at %s',
    (path, fields) => {
      expect(paths(fields, root, alice)).toEqual([path]);
      expect(paths(fields, bob, alice)).toEqual([path]);
      expect(paths(fields, alice, bob)).toEqual([path]);
      expect(paths(fields, alice, { ...alice, gid: 5 })).toEqual([path]);
    },
  );

  it.each(reading)('may be anybody where nothing is written, or with no ids: %j', (fields) => {
    expect(paths(fields, root, alice)).toEqual([]);
  });
});
