// @module-tag vm
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import type { Skip } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { makeRoot } from './support/roots.js';
import { test } from './support/test.js';

let files: string;
let kept: string;
beforeEach<{ niwad: Niwad }>(({ niwad }) => {
  files = join(niwad.place.files, 'keeping');
  kept = join(files, 'kept');
  rmSync(files, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
});

const keeping = (skip: Skip, directory = kept): NonNullable<SpecInput['root']> => ({
  path: makeRoot(skip, join(files, 'root')),
  overlay: { directory },
});

describe('a directory that keeps what is written over a root', () => {
  test("has it with the container's own ids, for the next one too", async ({ niwad, skip }) => {
    const root = keeping(skip);
    writeFileSync(join(files, 'root', 'changed'), 'before\n');
    const write =
      'echo mine >/mine; echo after >/changed; /bin/busybox chown 33:44 /mine; /bin/busybox rm /bin/none; true';
    const ids = async () => {
      const { status } = await niwad.run({
        process: { args: ['/bin/sh', '-c', '/bin/busybox stat -c "%u:%g" /mine /changed; cat /mine /changed'] },
        root,
      });
      return { range: status.userns?.uids[0]?.host, said: (await niwad.output(status.id)).stdout };
    };
    const { status } = await niwad.run({ process: { args: ['/bin/sh', '-c', write] }, root });
    const holder = await niwad.start({ process: { args: ['sleep', '1000'] } }); // takes the range that was free
    const second = await ids();
    const third = await ids();
    expect(second.said).toBe('33:44\n0:0\nmine\nafter\n');
    expect(third.said).toBe(second.said);
    expect(new Set([status.userns?.uids[0]?.host, second.range, third.range]).size).toBeGreaterThan(1);
    await niwad.client.remove(holder.id, { force: true });

    expect(statSync(join(kept, 'upper/mine'))).toMatchObject({ uid: 33, gid: 44 });
    expect(statSync(join(kept, 'upper/changed'))).toMatchObject({ uid: 0, gid: 0 });
    expect(readFileSync(join(files, 'root/changed'), 'utf8')).toBe('before\n');
  });

  test("has it with the host's ids without a user namespace", async ({ niwad, skip }) => {
    const root = keeping(skip);
    expect(await niwad.sh('echo x >/file; /bin/busybox chown 7:8 /file', { root, userns: 'host' })).toBe('');
    expect(statSync(join(kept, 'upper/file'))).toMatchObject({ uid: 7, gid: 8 });
  });

  test('is for one container at a time, and named with the one that has it', async ({ niwad, skip }) => {
    const root = keeping(skip);
    const { id } = await niwad.start({ process: { args: ['/bin/busybox', 'sleep', '1000'] }, root });
    const inside = join(kept, 'upper/inside');
    mkdirSync(inside);
    for (const directory of [kept, join(kept, '..', 'kept', '.'), inside])
      await expect(niwad.run({ process: { args: ['/bin/sh'] }, root: keeping(skip, directory) })).rejects.toMatchObject(
        {
          code: 'STATE_CONFLICT',
          message: expect.stringContaining(`container ${id} keeps in ${kept}`),
        },
      );
    await niwad.client.remove(id, { force: true });
    expect(await niwad.sh('echo free', { root })).toBe('free');
  });

  test('has to be there, and is not over the host', async ({ niwad, skip }) => {
    await expect(niwad.sh('true', { root: keeping(skip, join(files, 'none')) })).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('root.overlay.directory has to be there'),
    });
    symlinkSync('/', join(files, 'host'));
    for (const root of [{ overlay: { directory: kept } }, { path: join(files, 'host'), overlay: { directory: kept } }])
      await expect(niwad.sh('true', { root })).rejects.toMatchObject({
        code: 'SPEC_INVALID',
        details: { problems: [{ path: 'root.overlay.directory' }] },
      });
  });

  test('is bounded only where its file system has project quotas', async ({ niwad, skip }) => {
    const root = { ...keeping(skip), overlay: { directory: kept, size: '1M' } };
    await expect(niwad.sh('true', { root })).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringContaining('prjquota'),
    });
  });
});

describe('what a hostile container or stranger leaves in the directory', () => {
  test.for(['upper', 'work'])('a link as %s is not followed', async (name, { niwad, skip }) => {
    const victim = join(files, 'victim');
    mkdirSync(victim);
    symlinkSync(victim, join(kept, name));
    await expect(niwad.sh('echo x >/file', { root: keeping(skip) })).rejects.toMatchObject({
      message: expect.stringContaining('has to be a directory'),
    });
    expect(statSync(victim).nlink).toBe(2);
  });

  test('links in the place of /proc, /dev and targets lead nowhere but into the root', async ({ niwad, skip }) => {
    const root = keeping(skip);
    const victim = join(files, 'victim');
    mkdirSync(victim);
    await niwad.sh(
      `/bin/busybox mkdir -p ${victim}; /bin/busybox rmdir /mnt; /bin/busybox ln -s ${victim} /mnt; /bin/busybox ln -s ${victim} /target`,
      {
        root,
      },
    );
    for (const name of ['proc', 'dev']) {
      rmSync(join(kept, 'upper', name), { recursive: true, force: true });
      symlinkSync(victim, join(kept, 'upper', name));
    }
    const mounts = [
      { type: 'tmpfs' as const, target: '/target/below' },
      { type: 'tmpfs' as const, target: '/mnt/below' },
    ];
    const said = await niwad.sh('echo x >/target/below/file; echo x >/mnt/below/file; echo x >/dev/null; echo done', {
      root,
      mounts,
    });
    expect(said).toBe('done');
    expect(statSync(victim).nlink).toBe(2);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
