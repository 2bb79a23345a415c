// @module-tag vm
// Technique: a container whose spec bounds nothing takes the whole host: all pids, all memory, all that a tmpfs may
// hold.
import { totalmem } from 'node:os';
import { expect } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { needsController } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { GROUP } from '../integration/support/test.js';
import { asUser } from '../integration/support/user.js';
import { careless, testWith } from './attack.js';

const ASKS = { 'pids: max': { resources: { pids: 'max' } }, 'memory: max': { resources: { memory: { max: 'max' } } } };
const test = testWith({ group: GROUP });
const member = { uid: 1234, gid: GROUP };

/**
 * What the group of a container says that the kernel holds it to; what such limits do is in fork-bomb and memory-bomb.
 */
async function boundsOf(niwad: Niwad, spec: Partial<SpecInput> = {}) {
  const { id } = await niwad.start({ ...spec, process: { args: ['sleep', '1000'] } });
  const [pids, memory] = [niwad.groupFile(id, 'pids.max'), niwad.groupFile(id, 'memory.max')];
  await niwad.client.remove(id, { force: true });
  return { pids, memory };
}

test('no limits: processes end at 2048, memory at four fifths of the host', async ({ niwad, skip }) => {
  needsController(skip, 'pids');
  needsController(skip, 'memory');
  const { pids, memory } = await boundsOf(niwad);
  expect(pids).toBe('2048');
  expect(Number(memory)).toBeGreaterThan(0.79 * totalmem());
  expect(Number(memory)).toBeLessThanOrEqual(0.8 * totalmem());
});

test('no limits, control: root may ask for no bound', async ({ niwad, skip }) => {
  needsController(skip, 'pids');
  needsController(skip, 'memory');
  const resources = { pids: 'max', memory: { max: 'max' } } as const;
  expect(await boundsOf(niwad, { resources })).toEqual({ pids: 'max', memory: 'max' });
});

test('no limits: each tmpfs ends at a tenth of the host', async ({ niwad }) => {
  const mounts = [{ type: 'tmpfs' as const, target: '/mnt' }];
  const sizes = (
    await niwad.sh('df -k / /tmp /mnt | tail -n +2 | while read -r _ size _; do echo $size; done', { mounts })
  )
    .split('\n')
    .map((kibibytes) => Number(kibibytes) * 1024);
  expect(sizes).toHaveLength(3);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(0.1 * totalmem() + 4096);
});

test('no limits: a caller other than root cannot ask for them', async ({ niwad, skip }) => {
  for (const [words, fields] of Object.entries(ASKS)) {
    const body = { process: { args: ['true'] }, ...fields };
    const refused = await asUser(niwad, skip, member, { method: 'POST', path: '/v1/containers', body });
    expect(refused, words).toMatch(/^HTTP\/1.1 403 Forbidden/);
    expect(refused, words).toContain('ceilings');
  }
});

test('no limits: nor is a size of 0, which for the kernel is none, a way around', async ({ niwad, skip }) => {
  const size = await careless('mount -t tmpfs -o size=0 niwa /mnt && df -k --output=size /mnt | tail -n 1');
  expect(Number(size)).toBe(0); // the control: what has no bound has no size
  for (const fields of [
    { mounts: [{ type: 'tmpfs', target: '/mnt', size: 0 }] },
    { mounts: [{ type: 'tmpfs', target: '/mnt', size: '0.5' }] },
    { root: { overlay: { size: '0' } } },
  ]) {
    const body = { process: { args: ['true'] }, ...fields };
    const refused = await asUser(niwad, skip, member, { method: 'POST', path: '/v1/containers', body });
    expect(refused).toMatch(/^HTTP\/1.1 400 Bad Request/);
    expect(refused).toContain('and more than 0');
  }
});

test('no limits: nor can such a caller take them away later', async ({ niwad, skip }) => {
  const { id } = await niwad.start({ process: { args: ['sleep', '1000'] } });
  for (const [words, body] of Object.entries(ASKS)) {
    const refused = await asUser(niwad, skip, member, { method: 'PATCH', path: `/v1/containers/${id}`, body });
    expect(refused, words).toMatch(/^HTTP\/1.1 403 Forbidden/);
  }
  await niwad.client.remove(id, { force: true });
});
