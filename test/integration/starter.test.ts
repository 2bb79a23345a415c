import { mkdtempSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA } from './support/niwad.js';
import { test } from './support/test.js';

test('writes a spec that can be planned and run as it stands, and replaces nothing unasked', async ({ niwad }) => {
  const cwd = mkdtempSync(join(niwad.place.directory, 'init-'));
  const niwa = async (...args: string[]) => {
    const env = { NIWA_SOCKET: niwad.socket };
    const { exitCode, stdout, stderr } = await execa(NIWA, args, { cwd, env, reject: false });
    return { exitCode, stdout, stderr };
  };
  expect(await niwa('init')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('niwa plan niwa.yaml') });
  const text = readFileSync(join(cwd, 'niwa.yaml'), 'utf8');
  expect(await niwa('plan', 'niwa.yaml')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('exec sh -c') });
  expect(await execa(NIWA, ['plan', '-'], { input: text })).toMatchObject({
    stdout: expect.stringContaining('exec sh -c'),
  });
  const run = await niwa('run', '--name', 'starter', '-f', 'niwa.yaml');
  expect(run).toEqual({ exitCode: 0, stdout: 'hello from starter', stderr: '' });

  expect(await niwa('init')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'niwa: niwa.yaml is there already: name another file, or replace it with --force',
  });
  expect(await niwa('init', '--force')).toMatchObject({ exitCode: 0 });
  expect(await niwa('init', '-')).toEqual({ exitCode: 0, stdout: text.trimEnd(), stderr: '' });
  symlinkSync('nowhere', join(cwd, 'link.yaml'));
  expect(await niwa('init', 'link.yaml')).toMatchObject({ exitCode: 1 });
  expect(() => statSync(join(cwd, 'nowhere'))).toThrow();
  expect(await niwa('init', 'no/such/folder.yaml')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('ENOENT'),
  });
});
