import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { flagsOf, runNiwad } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };

cleanUpDaemons();

test('two daemons run side by side, one set up by its environment', async () => {
  const [one, other] = [newPlace(), newPlace()];
  const niwad = await startDaemon(one);
  const env = {
    NIWA_RUN_DIR: other.runDir,
    NIWA_STATE_DIR: other.stateDir,
    NIWA_CGROUP: other.cgroup,
    NIWA_CONFIG: other.config,
    NIWA_LOG_LEVEL: 'info',
  };
  const second = await startDaemon(other, env, []);
  for (const daemon of [niwad, second]) await daemon.start({ id: 'same', process: sleeper });
  await niwad.client.remove('same', { force: true });
  expect(await niwad.client.list()).toEqual([]);
  expect((await second.client.inspect('same')).state).toBe('running');
  expect(await niwad.stop()).toBe(0);
  expect((await second.client.inspect('same')).state).toBe('running');
});

test('a second daemon in the same place is refused, and the first goes on', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const { pid } = await niwad.start({ id: 'kept', process: sleeper });
  const others = [
    { ...newPlace(), runDir: place.runDir },
    { ...newPlace(), stateDir: place.stateDir },
    { ...newPlace(), cgroup: place.cgroup },
    { ...newPlace(), runDir: `${place.runDir}/../run/` },
  ];
  const refused = await Promise.all(others.map((other) => runNiwad(flagsOf(other))));
  const shared = [place.runDir, place.stateDir, `cgroup ${place.cgroup}`, `${place.runDir}/../run/`];
  for (const [i, { exitCode, stdout }] of refused.entries()) {
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`another niwad uses ${shared[i]}`);
  }
  expect(await niwad.client.inspect('kept')).toMatchObject({ state: 'running', pid });
});

test('a second daemon is refused also where the lock file was removed, or an earlier version of niwad runs', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const other = { ...newPlace(), stateDir: place.stateDir };
  rmSync(join(place.stateDir, 'lock'));
  expect((await runNiwad(flagsOf(other))).stdout).toContain(`another niwad uses ${place.stateDir}`);
  await niwad.stop();

  // An earlier version locks the directories alone.
  const addon = new URL('../../dist/kernel/addon.js', import.meta.url).pathname;
  const script = `
    const { kernel } = await import(${JSON.stringify(addon)});
    kernel.host.holdDirectory(${JSON.stringify(place.stateDir)}); console.log('held');
    setInterval(() => {}, 1000);`;
  const earlier = execa(execPath, ['--input-type=module', '-e', script], { reject: false });
  try {
    expect(String(await once(earlier.stdout, 'data'))).toBe('held\n');
    expect((await runNiwad(flagsOf(other))).stdout).toContain(`another niwad uses ${place.stateDir}`);
  } finally {
    earlier.kill('SIGKILL');
    await earlier;
  }
  await (await startDaemon(other)).stop();
});

test('a wrong configuration is refused with the field and what is allowed', async () => {
  const place = newPlace();
  const wrong: [text: string, words: string[]][] = [
    ['sampleIntervalMs: 5', ['sampleIntervalMs', 'found 5', 'from 100 to 60000']],
    ['grupp: wheel', ['grupp', 'does not know', 'group']],
    ['socket: [', ['no YAML']],
  ];
  const runs = wrong.map(async ([text], i) => {
    const config = join(place.directory, `wrong-${i}.yaml`);
    writeFileSync(config, text);
    return await runNiwad(flagsOf({ ...place, config }));
  });
  for (const [i, { exitCode, stderr }] of (await Promise.all(runs)).entries()) {
    expect(exitCode).toBe(2);
    for (const word of wrong[i]?.[1] ?? []) expect(stderr).toContain(word);
  }
  expect(existsSync(place.runDir)).toBe(false);

  const missing = await runNiwad(flagsOf({ ...place, config: '/no/such/file' }));
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('/no/such/file')]);
});

test('wrong flags and a group that is not there are refused', async () => {
  const place = newPlace();
  const group = newPlace({ group: 'no-such-group' });
  const [flag, cgroup, named] = await Promise.all([
    runNiwad([...flagsOf(place), '--frobnicate']),
    runNiwad(flagsOf({ ...place, cgroup: '../escape' })),
    runNiwad(flagsOf(group)),
  ]);
  expect([flag.exitCode, flag.stderr]).toEqual([2, expect.stringContaining('frobnicate')]);
  expect([cgroup.exitCode, cgroup.stderr]).toEqual([2, expect.stringContaining('cgroup: found "../escape"')]);
  expect([named.exitCode, named.stdout]).toEqual([1, expect.stringContaining('no-such-group')]);
  expect(existsSync(lookAtCgroupTree(group.cgroup).base)).toBe(false);
});

test('its configuration file is followed: exited containers are forgotten, records are not', async () => {
  const place = newPlace();
  writeFileSync(place.config, `keepExited: 2\nsocket: ${join(place.runDir, 'niwad.sock')}\n`);
  const niwad = await startDaemon(place);
  for (const id of ['a', 'b', 'c']) await niwad.client.create({ id, process: { args: ['true'] } }, { wait: true });
  await vi.waitFor(async () => expect((await niwad.client.list()).map(({ id }) => id)).toEqual(['b', 'c']), PATIENCE);
  expect(niwad.ledger().map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});

test('where no exited container is kept, an id is free as soon as the end is told', async () => {
  const niwad = await startDaemon(newPlace({ keepExited: 0 }));
  for (let i = 0; i < 3; i++) await niwad.client.create({ id: 'a', process: { args: ['true'] } }, { wait: true });
  expect(niwad.ledger().map(({ id }) => id)).toEqual(['a', 'a', 'a']);
});
