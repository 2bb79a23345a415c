import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from 'vitest';
import { engineGroups } from '../../../../src/engine/resources/groups-above.js';
import type { Draft } from '../../../../src/engine/resources/resource.js';

const test = base.extend('pods', async ({ task: _ }, { onCleanup }) => {
  const top = mkdtempSync(join(tmpdir(), 'niwa-groups-'));
  onCleanup(() => rmSync(top, { recursive: true, force: true }));
  const pods = join(top, 'pods');
  mkdirSync(pods, { mode: 0o1755 }); // as niwad makes it
  return pods;
});

/** No group has a mark but those of `owners`. */
function withOwners(owners: Record<string, string> = {}) {
  const { groupPlace, groupsAbove } = engineGroups({ host: { groupOwner: (path) => owners[path] ?? '' } });
  return {
    acquire(one: Draft): void {
      void groupPlace.acquire?.(one);
      void groupsAbove.acquire?.(one);
    },
    end: (one: Draft): void => void groupPlace.release?.(one),
    forget: (one: Draft): void => void groupsAbove.release?.(one),
    undo(one: Draft): void {
      void groupsAbove.release?.(one);
      void groupPlace.release?.(one);
    },
  };
}
const draft = (id: string, cgroup: string) => ({ id, spec: { oci: { id: `its-${id}` } }, cgroup }) as unknown as Draft;

test('the groups above a container stay while another one is being made in them', ({ pods }) => {
  const groups = withOwners();
  const [one, two] = [draft('one', join(pods, 'a')), draft('two', join(pods, 'b'))];
  groups.acquire(one);
  groups.acquire(two);
  groups.undo(one);
  expect(existsSync(pods)).toBe(true);
  groups.undo(two);
  expect(existsSync(pods)).toBe(false);
});

test('a group that a container is about to get is not made for another one inside', ({ pods }) => {
  const groups = withOwners();
  const [outer, inner] = [draft('one', join(pods, 'one')), draft('two', join(pods, 'one/two'))];
  groups.acquire(outer);
  expect(() => groups.acquire(inner)).toThrow('it is inside the group of container its-one');
  groups.undo(inner);
  expect([existsSync(pods), existsSync(join(pods, 'one'))]).toEqual([true, false]);
});

test('a group may have the place of one that a container had, which has ended and is not deleted', ({ pods }) => {
  const groups = withOwners();
  const [one, inside] = [draft('one', join(pods, 'a')), draft('two', join(pods, 'a/b'))];
  groups.acquire(one);
  groups.end(one);
  groups.acquire(inside);
  expect(existsSync(one.cgroup)).toBe(true);
  groups.forget(one);
  expect(existsSync(one.cgroup)).toBe(true);
  groups.end(inside);
  groups.forget(inside);
  expect(existsSync(pods)).toBe(false);
});

test('an empty group goes, so that the counters of the container begin at 0', ({ pods }) => {
  const groups = withOwners();
  const one = draft('one', join(pods, 'one'));
  mkdirSync(one.cgroup);
  groups.acquire(one);
  expect([existsSync(pods), existsSync(one.cgroup)]).toEqual([true, false]);
});

test.for([
  [
    'that is frozen',
    "container's cgroup unexpectedly frozen",
    (path: string) => writeFileSync(`${path}/cgroup.freeze`, '1\n'),
  ],
  ['with groups in it', 'the group has processes or groups in it', (path: string) => mkdirSync(`${path}/inside`)],
] as const)('a group %s stays', ([, words, fill], { pods }) => {
  const one = draft('one', join(pods, 'one'));
  mkdirSync(one.cgroup);
  fill(one.cgroup);
  expect(() => withOwners().acquire(one)).toThrow(words);
  expect(existsSync(one.cgroup)).toBe(true);
});

test('where the kernel does not remove a group for another reason, it says why', ({ pods }) => {
  const one = draft('one', join(pods, 'one'));
  writeFileSync(one.cgroup, ''); // no directory
  expect(() => withOwners().acquire(one)).toThrow(expect.objectContaining({ code: 'HOST_ERROR' }));
  expect(() => withOwners().acquire(one)).toThrow('ENOTDIR');
});

test('a group that another container has, or is about to get, stays', ({ pods }) => {
  const [one, two, outer] = [join(pods, 'one'), join(pods, 'two'), pods];
  mkdirSync(one);
  const groups = withOwners({ [one]: 'abc' });
  expect(() => groups.acquire(draft('a', one))).toThrow('container abc has it, or a group in it');
  groups.acquire(draft('b', two));
  mkdirSync(two); // it is made, and not marked yet
  expect(() => groups.acquire(draft('c', two))).toThrow('container its-b has it, or a group in it');
  expect(() => groups.acquire(draft('d', outer))).toThrow('container its-b has it, or a group in it');
  expect([existsSync(one), existsSync(two)]).toEqual([true, true]);
});
