// Technique: a container of an engine that may make groups below its own, as a systemd in it does, makes groups that
// are hard to remove: by their names, their depth, their number. They go with the container, and niwad serves the
// others meanwhile.
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { PATIENCE } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import type { BundleConfig, Oci } from '../integration/support/oci.js';
import { results } from './attack.js';
import { both, bundleOf, type Change, test } from './oci-attack.js';
import { BOUND_MS, slowestHealth, TRIES } from './slowest-health.js';

const SEEN = '/sys/fs/cgroup';
const FIRST = 300_000;

/** The tree of its groups is not read-only. */
function writable({ mounts }: BundleConfig): void {
  const tree = mounts.find(({ destination }) => destination === SEEN);
  if (tree !== undefined) tree.options = ['nosuid', 'noexec', 'nodev'];
}

function inUserNamespace({ linux }: BundleConfig): void {
  const map = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
  (linux.namespaces as object[]).push({ type: 'user' });
  Object.assign(linux, { uidMappings: map, gidMappings: map });
}

const kinds: [what: string, change: Change][] = [
  ['whose user has its group', both(writable, inUserNamespace)],
  ['of root of the host', writable],
];

/** Lets a container make groups; gives how many it got, when they have gone. */
async function makeGroups(niwad: Niwad, oci: Oci, change: Change, deep: number, many: number) {
  const bundle = await bundleOf(oci, 'make-groups', [SEEN, String(deep), String(many)], change);
  chownSync(join(bundle, 'rootfs'), FIRST, FIRST);
  const before = niwad.groups();
  const made = results(await oci.done('run', '--bundle', bundle, oci.id()));
  await vi.waitFor(() => expect(niwad.groups()).toEqual(before), PATIENCE);
  return made;
}

test.for(kinds)('groups: those of a container %s go with it', async ([, change], { niwad, oci }) => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && best > BOUND_MS; i++) {
    const { slowest, result } = await slowestHealth(niwad.socket, () => makeGroups(niwad, oci, change, 17, 1500));
    expect(result).toEqual({ 'any bytes': 'worked', deep: '17', many: '1500' });
    best = Math.min(best, slowest);
  }
  expect(best).toBeLessThan(BOUND_MS);
});

test.for(kinds)('groups: those of a container %s have bounds', async ([, change], { niwad, oci }) => {
  const made = await makeGroups(niwad, oci, change, 100, 10_000);
  expect(made).toEqual({ 'any bytes': 'worked', deep: '32', many: String(2000 - 1 - 32) });
});

test('groups: a config sets smaller bounds, and no larger ones', async ({ niwad, oci }) => {
  const withBounds = (depth: string, descendants: string) =>
    both(writable, ({ linux }) => {
      const unified = { 'cgroup.max.depth': depth, 'cgroup.max.descendants': descendants };
      Object.assign(linux.resources as object, { unified });
    });
  expect(await makeGroups(niwad, oci, withBounds('3', '9'), 100, 100)).toMatchObject({ deep: '3', many: '5' });
  expect(await makeGroups(niwad, oci, withBounds('max', '9999'), 100, 10_000)).toMatchObject({
    deep: '32',
    many: '1967',
  });
});
