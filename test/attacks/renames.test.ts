// Technique: renames without end. While anybody on the machine renames a file, the kernel gives up paths that go through
// a ".." (EAGAIN, see openat2(2)): a link of an image such as /var/run -> ../run would let starts of others fail.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { compiled, results } from './attack.js';
import { bundleOf, test } from './oci-attack.js';

const STARTS = 5;
/** Each of them is looked up through the link: one start has many chances to fail. */
const TARGETS = Array.from({ length: 40 }, (_, i) => `/var/run/${i}`);

/** Runs something while a container of another renames its own files. */
async function amidRenames(volume: string, run: () => Promise<void>): Promise<void> {
  const [one, other] = [join(volume, 'one'), join(volume, 'other')];
  for (const path of [one, other]) mkdirSync(path);
  const renaming = execa(compiled('swap'), [one, other], { reject: false });
  try {
    await new Promise((begun) => renaming.stdout.once('data', begun));
    await run();
  } finally {
    renaming.kill();
    await renaming;
  }
}

function linkIn(root: string): void {
  mkdirSync(join(root, 'run'), { recursive: true });
  mkdirSync(join(root, 'var'));
  symlinkSync('../run', join(root, 'var/run'));
}

test('renames: containers start, through links with ".."', async ({ niwad, volume }) => {
  const root = join(volume, 'root');
  linkIn(root);
  const spec = {
    root: { path: root },
    mounts: [
      { type: 'bind', source: compiled('what'), target: '/what', idmap: false } as const,
      ...TARGETS.map((target) => ({ type: 'tmpfs', target }) as const),
    ],
    process: { args: ['/what', '/run/0'] },
  };
  await amidRenames(volume, async () => {
    for (let i = 0; i < STARTS; i++) expect(results((await niwad.run(spec)).stdout)).toEqual({ '/run/0': 'tmpfs' });
  });
});

test('renames: containers of engines start, through links with ".."', async ({ oci, volume }) => {
  const bundle = await bundleOf(oci, 'what', ['/run/0'], ({ mounts }) => {
    for (const destination of TARGETS) mounts.push({ destination, type: 'tmpfs', source: 'tmpfs' });
  });
  linkIn(join(bundle, 'rootfs'));
  await amidRenames(volume, async () => {
    for (let i = 0; i < STARTS; i++)
      expect(results(await oci.done('run', '--bundle', bundle, oci.id()))).toEqual({ '/run/0': 'tmpfs' });
  });
});

test('renames, control: the kernel gives such paths up meanwhile', async ({ volume }) => {
  linkIn(volume);
  await amidRenames(volume, async () => {
    const { stdout } = await execa(compiled('look-up'), [volume, 'var/run']);
    expect(results(stdout)).toEqual({ found: 'worked', 'given up': 'worked' });
  });
});
