// The mount namespace of a container is held over its exit, and closed before anybody hears of its end.
import { existsSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { flagsOf, makePlace, Niwad, type Place, removePlace } from './support/niwad.js';

const UNSHARED = ['unshare', '--mount', '--propagation', 'private', '--'];
const sleeper = { args: ['sleep', '1000'] };
const MIB = 2 ** 20;

function newPlace(): Place {
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  return place;
}

/** Starts a daemon whose mounts nobody else sees. */
async function startDaemon(place: Place): Promise<Niwad> {
  const niwad = await Niwad.start(place, {}, flagsOf(place), UNSHARED);
  onTestFinished(async () => {
    const left = await niwad.client.list().catch(() => []);
    await Promise.all(left.map(({ id }) => niwad.client.remove(id, { force: true }).catch(() => {})));
    await niwad.stop();
  });
  return niwad;
}

/** The mount namespaces that a process holds by a descriptor. */
const heldBy = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`)
    .map((fd) => linkAt(`/proc/${pid}/fd/${fd}`))
    .filter((link) => link.startsWith('mnt:'));

/** Gives the target of a link; nothing where the descriptor has been closed since it was listed. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

const namespaceOf = (pid: number | null) => readlinkSync(`/proc/${pid}/ns/mnt`);

test('a file system that only a container still has mounted is free when its end is told', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const inside = (...words: string[]) => execa('nsenter', ['--mount', '--target', String(niwad.pid), '--', ...words]);
  const [image, source] = [join(place.files, 'image'), join(place.files, 'source')];
  mkdirSync(source);
  await execa('truncate', ['--size', String(4 * MIB), image]);
  await execa('mkfs.ext4', ['-q', image]);
  for (let round = 0; round < 3; round++) {
    await inside('mount', '-o', 'loop', image, source);
    const { stdout } = await execa('losetup', ['--noheadings', '--output', 'NAME', '--associated', image]);
    const backing = join('/sys/block', stdout.trim().replace('/dev/', ''), 'loop/backing_file');
    expect(existsSync(backing)).toBe(true);
    // the kernel needs a while to free so much memory: long enough to see that the end is not told before
    const { id } = await niwad.client.create(
      {
        process: { args: ['sh', '-c', 'head -c 500M /dev/zero > /filled/zeros; read -r line'], stdin: true },
        mounts: [
          { type: 'bind', source, target: '/mnt' },
          { type: 'tmpfs', target: '/filled' },
        ],
      },
      { start: true },
    );
    await inside('umount', source);
    expect(existsSync(backing)).toBe(true);
    await niwad.client.kill(id, 'SIGKILL');
    await niwad.client.wait(id);
    expect(existsSync(backing)).toBe(false);
  }
});

test('niwad holds the mounts of a container until its end, also of one that it has taken over', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const started = await Promise.all(['a', 'b', 'c'].map((id) => first.start({ id, process: sleeper })));
  const own = started.map(({ pid }) => namespaceOf(pid));
  expect(heldBy(first.pid).sort()).toEqual(own.sort());
  await expect(first.start({ process: { args: ['no-such-program'] } })).rejects.toThrow('ENOENT');
  await expect(first.start({ process: { args: ['true'], cwd: '/no/such' } })).rejects.toThrow('ENOENT');
  expect(heldBy(first.pid)).toHaveLength(3);
  await first.client.stop('a', { timeout: '0s' });
  expect(heldBy(first.pid)).toHaveLength(2);
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  expect(own).toEqual(expect.arrayContaining(heldBy(second.pid)));
  expect(heldBy(second.pid)).toHaveLength(2);
  await Promise.all(['b', 'c'].map((id) => second.client.stop(id, { timeout: '0s' })));
  expect(heldBy(second.pid)).toEqual([]);
});
