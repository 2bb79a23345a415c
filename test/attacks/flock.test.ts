// Technique: a user of the host locks a directory of niwad (flock(2) asks for no permission but to open it), so that
// niwad, which would lock it too, does not start.
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { makePlace, Niwad, removePlace } from '../integration/support/niwad.js';
import { test } from './attack.js';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** Locks a file as nobody; gives what lets go of it, or why there is no lock. */
async function lockAsNobody(path: string): Promise<{ stop: () => Promise<void> } | string> {
  const [file = '', ...args] = [
    ...NOBODY,
    'flock',
    '--nonblock',
    '--no-fork',
    path,
    'sh',
    '-c',
    'echo locked; exec sleep 1000',
  ];
  const holder = execa(file, args, { reject: false });
  const said = await Promise.race([
    new Promise<string>((resolve) => holder.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()))),
    holder.then(({ stderr }) => stderr),
  ]);
  if (said !== 'locked') return said;
  return {
    stop: async () => {
      holder.kill('SIGKILL');
      await holder;
    },
  };
}

test("flock: a stranger's lock on the directories keeps no niwad from starting", async () => {
  const place = makePlace();
  const base = lookAtCgroupTree(place.cgroup).base;
  const locks: { stop: () => Promise<void> }[] = [];
  try {
    await (await Niwad.start(place)).stop('SIGKILL'); // leaves directories and group behind
    for (const path of [place.runDir, base]) {
      const lock = await lockAsNobody(path);
      if (typeof lock === 'string') throw new Error(lock);
      locks.push(lock);
      // The control: whoever locks the directory itself, as niwad once did, finds it locked.
      expect((await execa('flock', ['--nonblock', path, 'true'], { reject: false })).exitCode).toBe(1);
    }
    for (const file of [join(place.runDir, 'lock'), join(base, 'cgroup.kill'), place.stateDir])
      expect(await lockAsNobody(file)).toMatch(/Permission denied/);
    const niwad = await Niwad.start(place);
    expect(await niwad.client.health()).toEqual({ status: 'ok' });
    await niwad.stop();
  } finally {
    for (const lock of locks) await lock.stop();
    await removePlace(place);
  }
});
