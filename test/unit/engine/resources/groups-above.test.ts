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

test('the groups above a container stay while another one is being made in them', ({ pods }) => {
  const groups = groupsAbove();
  const [one, two] = ['one', 'two'].map(
    (id) => ({ id, spec: { oci: {} }, cgroup: join(pods, id) }) as unknown as Draft,
  );
  if (one === undefined || two === undefined) throw new Error('there are two');
  groups.acquire?.(one);
  groups.acquire?.(two);
  groups.release?.(one);
  expect(existsSync(pods)).toBe(true);
  groups.release?.(two);
  expect(existsSync(pods)).toBe(false);
});
