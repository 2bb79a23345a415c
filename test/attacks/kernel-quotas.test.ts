// @module-tag vm
// Technique: what the kernel counts for each user (inotify instances, message queues, pending signals) is counted up to
// the user that made the user namespace, too. Where that is the host's root, one container takes root's own quotas.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Niwad } from '../integration/support/niwad.js';
import { attackOnHost, attackSpec, results, type Surroundings, test } from './attack.js';

/** Lets a container take all that it gets, and gives what root gets on the host meanwhile. */
async function takeAll(niwad: Niwad, signals: number, spec: Surroundings = {}) {
  const before = pendingOfRoot();
  const { id } = await niwad.start(attackSpec('take-quotas', [String(signals)], spec));
  try {
    await niwad.says(id, 'inotify instances');
    const { stdout } = await niwad.cli('logs', id).then(({ stdout: text }) => ({ stdout: text }));
    return { taken: results(stdout), root: await attackOnHost('take-quotas'), pending: pendingOfRoot() - before };
  } finally {
    await niwad.client.remove(id, { force: true });
  }
}

/** How many signals wait for processes of the host's root, and for whatever the kernel counts on root. */
function pendingOfRoot(): number {
  return Number(/^SigQ:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

test("the kernel's quotas: a container comes to an end, and root keeps its own", async ({ niwad }) => {
  const { taken, root, pending } = await takeAll(niwad, 2000);
  const instances = Number(readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8'));
  expect(taken['pending signals']).toBe('2000');
  expect(Number(taken['inotify instances'])).toBeLessThanOrEqual(instances);
  expect(root).toEqual({ 'pending signals': '1', 'message queues': '1', 'inotify instances': '1' });
  expect(pending).toBeLessThan(1000);
});

test("the kernel's quotas: a neighbour keeps its own", async ({ niwad }) => {
  const { id } = await niwad.start(attackSpec('take-quotas', ['10']));
  try {
    await niwad.says(id, 'inotify instances');
    const { stdout } = await niwad.run(attackSpec('take-quotas'));
    expect(results(stdout)).toEqual({ 'pending signals': '1', 'message queues': '1', 'inotify instances': '1' });
  } finally {
    await niwad.client.remove(id, { force: true });
  }
});

test("the kernel's quotas, control: what runs as the host's root takes root's", async ({ niwad }) => {
  const { root, pending } = await takeAll(niwad, 2000, { userns: 'host' });
  expect(root).toMatchObject({ 'inotify instances': '0' });
  expect(pending).toBeGreaterThanOrEqual(1000);
});
