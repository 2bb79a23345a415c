// @module-tag vm
// Technique: raw devices, by mknod in the container, and by a node prepared in a bind-mounted directory or in the root.
import { chmodSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { kernel } from '../../src/kernel/addon.js';
import type { Skip } from '../integration/support/host.js';
import { attack, test, unprotected } from './attack.js';

/** The disk that holds a path: its numbers and its node on the host. */
function diskOf(path: string) {
  const { dev } = statSync(path);
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)].map(String) as [string, string];
  return { numbers: ['b', major, minor], node: `/dev/${basename(readlinkSync(`/sys/dev/block/${major}:${minor}`))}` };
}

async function readByte(path: string): Promise<boolean> {
  const { failed } = await execa('head', ['-c1', path], { encoding: 'buffer', reject: false });
  return !failed;
}

/** Where this host is a container itself, its root may be refused its own disk. */
async function needsReadableDisk(skip: Skip, path: string): Promise<void> {
  skip(!(await readByte(diskOf(path).node)), 'root of this machine may not read its disk');
}

/** Makes a node of it that everybody may read. */
async function prepareNode(volume: string): Promise<void> {
  const path = join(volume, 'node');
  await execa('mknod', [path, ...diskOf(volume).numbers]);
  chmodSync(path, 0o666);
}

test('mknod: a container makes no node of a disk', async ({ niwad, volume }) => {
  expect(await attack(niwad, 'device-nodes', diskOf(volume).numbers)).toEqual({ mknod: 'EPERM' });
});

test('mknod: a node in a volume or in the root cannot be read', async ({ niwad, volume }) => {
  await prepareNode(volume);
  const args = [...diskOf(volume).numbers, '/volume/node', '/node'];
  const mounts = [{ type: 'bind', source: volume, target: '/volume' } as const];
  expect(await attack(niwad, 'device-nodes', args, { root: { path: volume }, mounts })).toEqual({
    mknod: 'EPERM',
    '/volume/node': 'EACCES',
    '/node': 'EACCES',
  });
});

test("mknod: the device filter refuses the disk to the host's root user with the capability", async ({
  niwad,
  volume,
  skip,
}) => {
  skip(!kernel.host.canFilterDevices(), 'this kernel has no device filter for cgroup v2');
  const results = await attack(niwad, 'device-nodes', diskOf(volume).numbers, unprotected('MKNOD'));
  expect(results).toEqual({ mknod: 'EPERM' });
});

test('mknod, control: with the capability and the disk in the spec it reads the disk', async ({
  niwad,
  volume,
  skip,
}) => {
  await needsReadableDisk(skip, volume);
  const { numbers, node } = diskOf(volume);
  const spec = { ...unprotected('MKNOD'), devices: [node] };
  expect(await attack(niwad, 'device-nodes', [...numbers, node], spec)).toEqual({
    mknod: 'worked',
    'read what was made': 'worked',
    [node]: 'worked',
  });
});

test('mknod, control: on the host the prepared node reads the disk', async ({ volume, skip }) => {
  await needsReadableDisk(skip, volume);
  await prepareNode(volume);
  expect(await readByte(join(volume, 'node'))).toBe(true);
});
