// @module-tag vm
// Technique: setuid-root programs, in a bind-mounted directory and in the root (CVE-2021-4034 and its like need one).
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { compiled, results, test } from './attack.js';

/** Puts a program of root's into the volume that everybody runs as root. */
function prepare(volume: string): string {
  const program = join(volume, 'setuid');
  copyFileSync(compiled('setuid'), program);
  chmodSync(program, 0o4755);
  return program;
}

for (const userns of ['auto', 'host'] as const)
  test(`setuid programs: a user stays who it is, userns ${userns}`, async ({ niwad, volume }) => {
    prepare(volume);
    const user = 1000;
    const mounts = [{ type: 'bind', source: volume, target: '/volume' } as const];
    for (const program of ['/setuid', '/volume/setuid']) {
      const { stdout } = await niwad.run({
        process: { args: [program], user },
        root: { path: volume },
        mounts,
        userns,
      });
      expect(results(stdout)).toEqual({ real: '1000', effective: '1000' });
    }
  });

test('setuid programs, control: a plain process becomes root', async ({ volume }) => {
  const { stdout } = await execa('setpriv', ['--reuid', '1000', '--clear-groups', prepare(volume)]);
  expect(results(stdout)).toEqual({ real: '1000', effective: '0' });
});
