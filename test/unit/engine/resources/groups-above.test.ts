import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from 'vitest';
import { groupsAbove } from '../../../../src/engine/resources/groups-above.js';
import type { Draft } from '../../../../src/engine/resources/resource.js';

const test = base.extend('pods', async ({ task: _ }, { onCleanup }) => {
  const top = mkdtempSync(join(tmpdir(), 'niwa-groups-'));
  onCleanup(() => rmSync(top, { recursive: true, force: true }));
  const pods = join(top, 'pods');
  mkdirSync(pods, { mode: 0o1755 }); // as niwad makes it
  return pods;
});

const draft = (id: string, cgroup: string) => ({ id, spec: { oci: { id: `its-${id}` } }, cgroup }) as unknown as Draft;

test('the groups above a container stay while another one is being made in them', ({ pods }) => {
  const groups = groupsAbove();
  const [one, two] = [draft('one', join(pods, 'one')), draft('two', join(pods, 'two'))];
  groups.acquire?.(one);
  groups.acquire?.(two);
  groups.release?.(one);
  expect(existsSync(pods)).toBe(true);
  groups.release?.(two);
  expect(existsSync(pods)).toBe(false);
});

test('a group that a container is about to get is not made for another one inside', ({ pods }) => {
  const groups = groupsAbove();
  const [outer, inner] = [draft('one', join(pods, 'one')), draft('two', join(pods, 'one/two'))];
  groups.acquire?.(outer);
  expect(() => groups.acquire?.(inner)).toThrow('it is inside the group of container its-one');
  groups.release?.(inner);
  expect([existsSync(pods), existsSync(join(pods, 'one'))]).toEqual([true, false]);
});
