// @module-tag vm
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NiwaClient } from '../../src/client/client.js';
import { host, needsFile, scaled } from './support/host.js';
import { isAlive, makePlace, NIWAD, removePlace } from './support/niwad.js';
import { NIWA_OCI } from './support/oci.js';
import { Systemd } from './support/systemd.js';

const unit = (name: string) => readFileSync(new URL(`../../bin/install/${name}`, import.meta.url), 'utf8');
const LONE = '[Unit]\nDefaultDependencies=no\n'; // without them it would boot the machine

test('the units keep niwad up, and its containers go on over every end of it', { timeout: scaled(120_000) }, async ({
  skip,
}) => {
  skip(!host.inVm, 'boots a systemd, which wants a machine with unified cgroups: the virtual one');
  needsFile(skip, '/lib/systemd/systemd', 'the package systemd is not installed');
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  const command = `ExecStart=\nExecStart=${NIWAD} --state-dir ${place.stateDir}\n`;
  const systemd = await Systemd.boot(place, {
    'niwad.socket': unit('niwad.socket'),
    'niwad.socket.d/test.conf': LONE,
    'niwa-oci.socket': unit('niwa-oci.socket'),
    'niwa-oci.socket.d/test.conf': LONE,
    'niwad.service': unit('niwad.service'),
    'niwad.service.d/test.conf': `${LONE}[Service]\nWatchdogSec=10s\n${command}`,
  });
  onTestFinished(() => systemd.kill());
  const service = (...names: string[]) => systemd.show('niwad.service', ...names);

  // The first request starts it.
  expect(await systemd.run('systemctl', 'start', 'niwad.socket')).toBe('');
  expect(await service('ActiveState')).toEqual({ ActiveState: 'inactive' });
  const client = new NiwaClient(systemd.path('/run/niwa/niwad.sock'));
  onTestFinished(() => client.close());
  expect(await client.list()).toEqual([]);
  await vi.waitFor(
    async () =>
      expect(await service('ActiveState', 'StatusText')).toEqual({ ActiveState: 'active', StatusText: 'running' }),
    { timeout: scaled(10_000), interval: 500 },
  );

  // systemd tidies up the groups of its units at a reload, but not the tree beside them.
  await client.create(
    { id: 'a', process: { args: ['sleep', '1000'] }, resources: { memory: { max: '64M' } } },
    { start: true },
  );
  const group = systemd.path('/sys/fs/cgroup/niwa/containers/a');
  const [pid = ''] = readFileSync(`${group}/cgroup.procs`, 'utf8').split('\n');
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('0\n');
  expect(await systemd.run('systemctl', 'daemon-reload')).toBe('');
  expect(readFileSync(`${group}/memory.max`, 'utf8')).toBe(`${64 * 1024 * 1024}\n`);

  // It hangs: the watchdog ends it, and only it, and there is a new one.
  const before = await service('MainPID');
  await systemd.run('kill', '-STOP', before.MainPID ?? '');
  await vi.waitFor(async () => expect((await service('NRestarts')).NRestarts).toBe('1'), {
    timeout: scaled(20_000),
    interval: 100,
  });
  expect(isAlive(pid)).toBe(true);
  const living = { id: 'a', state: 'running', pid: expect.any(Number) };
  const [found] = await client.list();
  expect(found).toMatchObject(living);
  const after = await service('MainPID', 'ActiveState', 'Result');
  expect(after.MainPID).not.toBe(before.MainPID);

  // An upgrade is a restart.
  expect(await systemd.run('systemctl', 'restart', 'niwad.service')).toBe('');
  expect(await client.inspect('a')).toMatchObject({ ...living, pid: found?.pid });
  expect((await service('MainPID')).MainPID).not.toBe(after.MainPID);
  expect(readFileSync(`${group}/memory.max`, 'utf8')).toBe(`${64 * 1024 * 1024}\n`);

  // The first command of an engine starts it, too.
  await systemd.run('systemctl', 'stop', 'niwad.service');
  expect(await systemd.run(NIWA_OCI, 'list', '--format', 'json')).toBe('[]');
  await vi.waitFor(async () => expect(await service('ActiveState')).toEqual({ ActiveState: 'active' }), {
    timeout: scaled(10_000),
    interval: 500,
  });

  expect(await systemd.run('systemctl', 'stop', 'niwa-oci.socket', 'niwad.socket', 'niwad.service')).toBe('');
  expect(await service('ActiveState', 'Result', 'MainPID')).toEqual({
    ActiveState: 'inactive',
    Result: 'success',
    MainPID: '0',
  });
  expect(isAlive(pid)).toBe(true);
});
