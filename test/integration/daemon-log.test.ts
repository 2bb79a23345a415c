import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { NiwaClient } from '../../src/client/client.js';
import { cleanUpDaemons, mountTmpfs, newPlace } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { flagsOf, NIWAD, type Place } from './support/niwad.js';

/** What niwad writes for people must neither hold it up nor end it. */

const STARTS = 5;

cleanUpDaemons();

/** Runs niwad with its log on a descriptor while `use` goes on; gives its exit status. */
async function withLogOn(
  log: number,
  place: Place,
  use: (client: NiwaClient, niwad: ChildProcess) => Promise<void>,
  env: Record<string, string> = {},
): Promise<unknown> {
  const niwad = spawn(NIWAD, flagsOf(place), { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  const ended = once(niwad, 'exit');
  const client = new NiwaClient(join(place.runDir, 'niwad.sock'));
  try {
    await vi.waitFor(() => client.health(), PATIENCE);
    await use(client, niwad);
  } finally {
    client.close();
    niwad.kill('SIGTERM');
    setTimeout(() => niwad.kill('SIGKILL'), PATIENCE.timeout).unref();
  }
  return (await ended)[0];
}

async function startSome(client: NiwaClient): Promise<void> {
  for (let i = 0; i < STARTS; i++) {
    const { id, exit } = await client.create({ process: { args: ['true'] } }, { start: true, wait: true });
    expect(exit).toMatchObject({ code: 0 });
    await client.remove(id);
  }
}

test('a full disk under its log costs lines, which are counted and told', async () => {
  const place = newPlace();
  const disk = join(place.directory, 'logs');
  mountTmpfs(disk, 'size=256k,mode=755');
  const path = join(disk, 'niwad.log');
  const filler = join(disk, 'filler');
  const log = openSync(path, 'a');
  writeFileSync(filler, Buffer.alloc(statfsSync(disk).bavail * 4096));
  expect(await withLogOn(log, place, startSome)).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe('');
  const again = await withLogOn(log, place, async (client) => {
    await startSome(client);
    rmSync(filler);
    await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('"msg":"listening"'), PATIENCE);
    expect(await client.metrics()).toContain('niwa_log_lines_dropped_total 0');
  });
  expect(again).toBe(0);
  expect(readFileSync(path, 'utf8')).toContain('"msg":"stopped"');
  closeSync(log);
});

test('a log that nobody reads holds up nothing', async () => {
  const place = newPlace();
  const path = join(place.directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const log = openSync(path, 'r+');
  execFileSync('dd', ['if=/dev/zero', 'bs=4096', 'count=16', 'status=none'], { stdio: ['ignore', log, 'inherit'] });
  expect(await withLogOn(log, place, startSome)).toBe(0);
  closeSync(log);
});

test('a promise that fails and that nobody waits for is an error in its log, and niwad goes on', async () => {
  const place = newPlace();
  const path = join(place.directory, 'niwad.log');
  const log = openSync(path, 'a');
  const forgetful = `process.on('SIGUSR2', function forgets() { Promise.reject(new Error('forgotten')); })`;
  const ended = await withLogOn(
    log,
    place,
    async (client, niwad) => {
      niwad.kill('SIGUSR2');
      await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('forgotten'), PATIENCE);
      await startSome(client);
    },
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(forgetful)}` },
  );
  closeSync(log);
  expect(ended).toBe(0);
  const told = readFileSync(path, 'utf8')
    .split('\n')
    .find((line) => line.includes('forgotten'));
  expect(JSON.parse(told ?? '')).toMatchObject({ level: 'error', err: { stack: expect.stringContaining('forgets') } });
});
