import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { makePlace, Niwad, removePlace } from './support/niwad.js';

/** Set by the test runner to the build of an installed package, which node-gyp has made. */
const { NIWA_GYP_DIR: directory } = process.env;

test('a package that npm installed with its scripts, which built it with node-gyp, runs a container as that of cmake-js does', async ({
  skip,
  onTestFinished,
}) => {
  if (directory === undefined) return skip('needs an installed package (NIWA_GYP_DIR); the test runner makes one');
  expect((await execa(join(directory, '../../bin/niwa'), ['version'])).stdout).toMatch(/^niwa /);
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  const niwad = await Niwad.start(place, { NIWA_NATIVE_DIR: directory });
  expect(readFileSync(`/proc/${niwad.pid}/maps`, 'utf8')).toContain(`${directory}/niwa.node`);
  const { exit, stdout } = await niwad.run({ process: { args: ['sh', '-c', 'echo built; exit 3'] }, init: true });
  expect([exit.code, stdout]).toEqual([3, 'built\n']);
  expect(await niwad.stop()).toBe(0);
});
