// Technique: specs so large that a list of them is more than one text can hold (545 of 1 MB broke the list for good),
// so many bytes of labels that each usage record fills the disk, and profiles that libseccomp compiles for hours.
import { expect } from 'vitest';
import { filterOf } from '../filters.js';
import { test } from './attack.js';

const KIB = 1024;
const MANY = 100;
const args = ['true'];

test('large specs: one of 1 MB is refused, and so are 17 KiB of labels', async ({ niwad }) => {
  const refused = { code: 'SPEC_INVALID' };
  const env = { TEXT: 'x'.repeat(1000 * KIB) };
  await expect(niwad.client.create({ process: { args, env } })).rejects.toMatchObject(refused);
  const labels = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x'.repeat(KIB)]));
  await expect(niwad.client.create({ process: { args }, labels })).rejects.toMatchObject(refused);
});

/** libseccomp would take hours for it, on the event loop; oci-configs.test.ts has the control. */
const seccomp = filterOf(30, 'read');

test('large specs: a profile that libseccomp compiles for hours is refused, of a container and of an exec', async ({
  niwad,
}) => {
  const refused = {
    code: 'SPEC_INVALID',
    message: expect.stringContaining('seccomp.syscalls[4]: found more than 729'),
  };
  await expect(niwad.client.create({ process: { args }, seccomp })).rejects.toMatchObject(refused);
  const { id } = await niwad.client.create({ process: { args: ['sleep', '1000'] } });
  await niwad.client.start(id);
  await expect(niwad.client.exec(id, { args, seccomp })).rejects.toMatchObject(refused);
  await niwad.client.remove(id, { force: true });
});

test('large specs: a list of the largest that are taken is whole, and holds up nobody', async ({ niwad }) => {
  const env = { TEXT: 'x'.repeat(120 * KIB) };
  const words = ['true', 'x'.repeat(100 * KIB)];
  const made: string[] = [];
  for (let i = 0; i < MANY; i++) {
    const { id } = await niwad.client.create({ process: { args: words, env }, owner: 'large' });
    made.push(id);
  }
  try {
    let slowest = 0;
    const listing = niwad.client.list({ owner: 'large' });
    for (let asked = 0; asked < 20; asked++) {
      const begun = performance.now();
      await niwad.client.health();
      slowest = Math.max(slowest, performance.now() - begun);
    }
    expect((await listing).map(({ id }) => id).sort()).toEqual(made.sort());
    expect(slowest).toBeLessThan(1000);
  } finally {
    for (const id of made) await niwad.client.remove(id, { force: true });
  }
});

test('large specs, control: as one text, the list of 545 specs of 1 MB cannot be', () => {
  const spec = 'x'.repeat(1000 * KIB);
  expect(() => JSON.stringify(Array<string>(545).fill(spec))).toThrow('Invalid string length');
});
