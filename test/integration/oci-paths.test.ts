import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const PATH_MAX = 4096;

/** Makes directories until the path of `name` in the last one has so many bytes. */
function deep(top: string, bytes: number, name: string): string {
  let left = bytes - top.length - name.length - 1;
  const parts: string[] = [];
  for (; left > 201; left -= 201) parts.push('d'.repeat(200));
  parts.push('d'.repeat(left - 1));
  const directory = join(top, ...parts);
  mkdirSync(directory, { recursive: true });
  return join(directory, name);
}

test('a pid file whose path or name has no room for another one beside it is refused before anything is made', async ({
  oci,
  niwad,
}) => {
  const mark = join(niwad.place.files, 'made');
  const bundle = await oci.bundle('exec sleep 1000', (config) => {
    config.hooks = { createRuntime: [{ path: '/bin/touch', args: ['touch', mark] }] };
  });
  const long = deep(niwad.place.files, PATH_MAX - 1, 'pid');
  writeFileSync(long, 'as it was');
  for (const file of [long, join(niwad.place.files, 'p'.repeat(250))])
    for (const words of [['create'], ['run', '--detach']]) {
      const made = await oci.make(...words, '--bundle', bundle, '--pid-file', file, oci.id());
      expect(made).toEqual({ exitCode: 1, message: expect.stringMatching(/^--pid-file .* at most 4084 bytes.* 244$/) });
    }
  expect(readFileSync(long, 'utf8')).toBe('as it was');
  expect(existsSync(mark)).toBe(false);
});

test('a pid file is written where its path and its name have just room', async ({ oci, niwad }) => {
  const bundle = await oci.bundle('exec sleep 1000');
  for (const file of [
    deep(niwad.place.files, PATH_MAX - 12, 'pid'),
    join(niwad.place.files, 'q'.repeat(244)),
    join(niwad.place.files, 'pid'),
  ]) {
    const id = oci.id();
    expect(await oci.make('run', '--detach', '--bundle', bundle, '--pid-file', file, id)).toMatchObject({
      message: '',
    });
    expect(Number(readFileSync(file, 'utf8'))).toBe((await oci.state(id)).pid);
    await oci.done('delete', '--force', id);
  }
});

test('a socket whose path is too long for one is refused before anything is made', async ({ oci, niwad }) => {
  const mark = join(niwad.place.files, 'made-for-a-socket');
  const path = `/run/${'s'.repeat(103)}`;
  const make = async (change: Parameters<Oci['bundle']>[1], words: string[], env = {}) => {
    const bundle = await oci.bundle('exec sleep 1000', (config) => {
      config.hooks = { createRuntime: [{ path: '/bin/touch', args: ['touch', mark] }] };
      change?.(config);
    });
    const args = ['--niwad', oci.socket, 'create', '--bundle', bundle, ...words, oci.id()];
    return (await execa(NIWA_OCI, args, { env, reject: false, stdin: 'ignore' })).stderr;
  };
  const most = 'the path of a socket has at most 107 bytes';
  const terminal = await make(
    ({ process }) => {
      process.terminal = true;
    },
    ['--console-socket', path],
  );
  expect(terminal).toBe(`niwa-oci: --console-socket ${path}: ${most}`);
  expect(await make(() => {}, ['--pidfd-socket', path])).toBe(`niwa-oci: --pidfd-socket ${path}: ${most}`);
  expect(await make(() => {}, [], { NOTIFY_SOCKET: path })).toBe(`niwa-oci: NOTIFY_SOCKET ${path}: ${most}`);
  const agent = await make(({ linux }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: path,
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    };
  }, []);
  expect(agent).toBe(`niwa-oci: linux.seccomp.listenerPath: ${most}`);
  expect(existsSync(mark)).toBe(false);
});

test('other paths that are too long are refused, and none is cut', async ({ oci, niwad }) => {
  const there = `${niwad.place.files}/.`;
  /** A path to a directory that exists, of so many bytes. */
  const winding = (bytes: number) => there + '/.'.repeat((bytes - there.length) / 2).padEnd(bytes - there.length, '/');
  const longest = winding(PATH_MAX - 1);
  const long = winding(PATH_MAX);
  const id = oci.id();
  const made = readdirSync(niwad.place.files);
  for (const words of [
    ['--root', long, 'state', id],
    ['--root', long, 'delete', '--force', id],
    ['--niwad', long, 'state', id],
    ['--log', long, 'state', id],
    ['spec', '--bundle', longest],
    ['create', '--config', long, id],
  ]) {
    const { exitCode, stderr } = await oci.run(...words);
    expect([exitCode, stderr.replace(/\/[./]{100,}/, '')]).toEqual([
      1,
      expect.stringMatching(/file name too long|path of a directory/i),
    ]);
  }
  expect(readdirSync(niwad.place.files)).toEqual(made);
});
