import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

// A plain command line is asked before the C library begins (native/oci/early.c). One with an option that this part does
// not know goes the usual way: `-debug` for `--debug`.
const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const WAYS = [
  ['early', '--debug'],
  ['the usual way', '-debug'],
] as const;
const SLEEPER = 'exec sleep 1000';

describe.each(WAYS)('asked %s', (_, way) => {
  test('a container is made, shown, started, killed and deleted', async ({ oci, niwad }) => {
    const id = oci.id();
    const bundle = await oci.bundle(SLEEPER);
    const link = `${bundle}-link`;
    symlinkSync(bundle, link);
    expect(await oci.make(way, 'create', `--bundle=${link}`, '--pid-file', join(bundle, 'pid'), id)).toMatchObject({
      exitCode: 0,
    });
    const pid = Number(readFileSync(join(bundle, 'pid'), 'utf8'));
    expect(JSON.parse(await oci.done(way, 'state', id))).toMatchObject({ status: 'created', pid, bundle });
    expect(await oci.done(way, 'start', id)).toBe('');
    expect((await oci.state(id)).status).toBe('running');
    expect(await oci.done(way, 'kill', '--all', id, 'KILL')).toBe('');
    await oci.stopped(id);
    expect(await oci.done(way, 'delete', '-f', id)).toBe('');
    expect(await niwad.client.list()).toEqual([]);
    rmSync(link);
  });

  test('the working directory is the bundle of a run that names none', async ({ oci }) => {
    const env = { NIWA_OCI_SOCKET: oci.socket };
    const cwd = await oci.bundle('echo out; echo err >&2; exit 7');
    const run = (...words: string[]) => execa(NIWA_OCI, words, { env, cwd, reject: false, stdin: 'ignore' });
    expect(await run(way, 'run', oci.id())).toMatchObject({ exitCode: 7, stdout: 'out', stderr: 'err' });
  });

  test('what is wrong is on the standard error and in the log', async ({ oci }) => {
    const log = `${await oci.bundle(SLEEPER)}/log`;
    writeFileSync(log, '');
    const ask = async (...words: string[]) => {
      const { exitCode, stderr } = await oci.run(way, '--log', log, '--log-format', 'json', ...words);
      return [exitCode, stderr];
    };
    for (const verb of ['state', 'start', 'kill', 'delete'])
      expect(await ask(verb, 'nobody')).toEqual([1, 'niwa-oci: container "nobody" does not exist']);
    expect(await ask('create', '--bundle', '/nowhere', 'x')).toEqual([
      1,
      expect.stringContaining('open /nowhere: no such'),
    ]);
    expect(await ask('run', '--bundle', '/usr', 'x')).toEqual([
      1,
      expect.stringContaining('open /usr/config.json: no'),
    ]);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', msg: 'container "nobody" does not exist' });
  });

  test('a config and a state may be longer than its room', async ({ oci }) => {
    const id = oci.id();
    const long = 'x'.repeat(600_000);
    const bundle = await oci.bundle(SLEEPER, (config) => {
      config.annotations = { long };
    });
    expect(await oci.make(way, 'create', '--bundle', bundle, id)).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(await oci.done(way, 'state', id)).annotations.long).toBe(long);
    await oci.done(way, 'delete', '--force', id);
  });

  test('a log that cannot be opened ends the command before it asks', async ({ oci }) => {
    const id = oci.id();
    expect(await oci.make('create', '--bundle', await oci.bundle(SLEEPER), id)).toMatchObject({ exitCode: 0 });
    const { exitCode, stderr } = await oci.run(way, '--log', '/nowhere/log', 'delete', '--force', id);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('cannot open the log /nowhere/log')]);
    expect((await oci.state(id)).status).toBe('created');
    await oci.done('delete', '--force', id);
  });
});
