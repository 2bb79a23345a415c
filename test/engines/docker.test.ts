import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { lookAtCgroupTree } from '../../src/host/cgroup.js';
import { needsController, PATIENCE } from '../integration/support/host.js';
import { test as base } from '../integration/support/test.js';
import { Docker, IMAGE } from './support/docker.js';
import { asking, SERVER } from './support/web.js';

const test = base.extend('docker', { scope: 'file' }, async ({ niwad }, { onCleanup }) => {
  const docker = await Docker.start(niwad);
  onCleanup(async () => void (await docker.stop()));
  return docker;
});

describe('docker run', () => {
  test('gives the output and the exit status of the program, and leaves nothing', async ({ docker, niwad }) => {
    const text = 'echo out; echo err >&2; exit 4';
    const { exitCode, stdout, stderr } = await docker.run('run', '--rm', IMAGE, 'sh', '-c', text);
    expect([exitCode, stdout, stderr]).toEqual([4, 'out', 'err']);
    expect(await niwad.client.list()).toEqual([]);
  });

  test.for([
    ['/no/such', 127],
    ['no-such', 127],
    ['/bin', 126],
  ] as const)('of %s ends with %i', async ([program, status], { docker, niwad }) => {
    expect((await docker.run('run', '--rm', IMAGE, program)).exitCode).toBe(status);
    expect(await niwad.client.list()).toEqual([]);
  });

  test('takes user, environment, directory, volumes, limits and less rights', async ({ docker, niwad }) => {
    const volume = join(niwad.place.files, 'docker-volume');
    mkdirSync(volume);
    writeFileSync(join(volume, 'in'), 'from the host\n');
    const options = [
      ...['--user', '5:6', '--env', 'A=b', '--workdir', '/data', '--volume', `${volume}:/data:ro`],
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--ulimit', 'nofile=100', '--tmpfs', '/t'],
    ];
    const text = `id -u; id -g; echo $A; pwd; cat in; ulimit -n; touch in 2>&1; touch /t/a && echo made
      busybox grep -E 'CapBnd|NoNewPrivs' /proc/self/status`;
    expect((await docker.done('run', '--rm', ...options, IMAGE, 'sh', '-c', text)).split('\n')).toEqual([
      ...['5', '6', 'b', '/data', 'from the host', '100', 'touch: in: Read-only file system', 'made'],
      ...['CapBnd:\t0000000000000000', 'NoNewPrivs:\t1'],
    ]);
  });

  test('has a read-only root, an init, and a terminal', async ({ docker }) => {
    const run = async (option: string, text: string) =>
      (await docker.run('run', '--rm', option, IMAGE, 'sh', '-c', text)).stdout.trim();
    expect(await run('--read-only', 'touch /a 2>&1')).toBe('touch: /a: Read-only file system');
    expect(await run('--init', 'cat /proc/1/comm')).toMatch(/docker-init|catatonit/);
    expect(await run('--tty', 'busybox tty')).toBe('/dev/pts/0');
  });
});

describe('a container of Docker', () => {
  test('is kept by niwad, and goes its way by all verbs', async ({ docker, niwad }) => {
    const text = 'echo begun; trap "exit 7" TERM; while :; do sleep 0.1; done';
    const id = await docker.done('run', '--detach', '--name', 'one', IMAGE, 'sh', '-c', text);
    expect(await niwad.client.list()).toMatchObject([{ state: 'running', oci: { id } }]);
    expect(await docker.done('ps', '--format', '{{.Names}} {{.Status}}')).toMatch(/^one Up /);
    expect(await docker.done('exec', 'one', 'sh', '-c', 'echo within')).toBe('within');
    expect((await docker.run('exec', 'one', 'sh', '-c', 'exit 5')).exitCode).toBe(5);
    await docker.done('pause', 'one');
    expect((await niwad.client.list())[0]?.state).toBe('paused');
    expect(await docker.done('ps', '--format', '{{.Status}}')).toMatch(/Paused/);
    await docker.done('unpause', 'one');
    expect(await docker.done('stats', '--no-stream', '--format', '{{.CPUPerc}}', 'one')).toMatch(/^\d+\.\d+%$/);
    expect(await docker.done('top', 'one', '-o', 'pid,args')).toMatch(/^\d+ +sh -c /m);
    await docker.done('update', '--restart', 'no', 'one');
    expect(await docker.done('logs', 'one')).toBe('begun');
    await docker.done('stop', 'one');
    expect(await docker.done('wait', 'one')).toBe('7');
    await docker.done('start', 'one');
    await docker.done('kill', 'one');
    expect(await docker.done('wait', 'one')).toBe('137');
    await docker.done('rm', 'one');
    await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  });

  test('is reached by its bridge and by a published port', { tags: 'vm' }, async ({ docker }) => {
    await docker.done('run', '--detach', '--name', 'web', '--publish', '127.0.0.1:8000:80', IMAGE, ...SERVER);
    const address = await docker.done('inspect', 'web', '--format', '{{.NetworkSettings.IPAddress}}');
    expect(address).toMatch(/^172\./);
    expect(await docker.done('run', '--rm', IMAGE, ...asking(`http://${address}/`))).toBe('hello');
    expect(await docker.host.done(...asking('http://127.0.0.1:8000/'))).toBe('hello');
    const sharing = ['run', '--rm', '--network', 'container:web', IMAGE];
    expect(await docker.done(...sharing, ...asking('http://127.0.0.1/'))).toBe('hello');
    await docker.done('rm', '--force', 'web');
  });

  test('is restarted by its policy', async ({ docker }) => {
    await docker.done('run', '--detach', '--name', 'again', '--restart', 'on-failure:2', IMAGE, 'sh', '-c', 'exit 3');
    const format = '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}';
    const end = () => docker.done('inspect', 'again', '--format', format);
    await vi.waitFor(async () => expect(await end()).toBe('2 exited 3'), PATIENCE);
    await docker.done('rm', 'again');
  });

  test('has limits, which are changed', { tags: 'vm' }, async ({ docker, niwad, skip }) => {
    needsController(skip, 'memory');
    const limits = ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '50', '--network', 'none'];
    const id = await docker.done('run', '--detach', '--name', 'limited', ...limits, IMAGE, 'sleep', '1000');
    const group = join(lookAtCgroupTree('').mount, niwad.place.cgroup, 'docker', id);
    const now = () =>
      ['memory.max', 'cpu.max', 'pids.max'].map((file) => readFileSync(join(group, file), 'utf8').trim());
    expect(now()).toEqual([`${64 * 2 ** 20}`, '50000 100000', '50']);
    const more = ['--memory', '128m', '--memory-swap', '256m', '--cpus', '1', '--pids-limit', '60'];
    await docker.done('update', ...more, 'limited');
    expect(now()).toEqual([`${128 * 2 ** 20}`, '100000 100000', '60']);
    expect(await docker.done('stats', '--no-stream', '--format', '{{.MemUsage}}', 'limited')).toContain('/ 128MiB');
    await docker.done('rm', '--force', 'limited');
  });
});

test('docker build runs its commands in containers of niwad', async ({ docker, niwad }) => {
  const context = join(niwad.place.files, 'docker-context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), `FROM ${IMAGE}\nRUN echo built > /made\nCMD ["cat", "/made"]\n`);
  await docker.done('build', '--tag', 'made', context);
  expect(await docker.done('run', '--rm', 'made')).toBe('built');
  expect(await niwad.client.list()).toEqual([]);
});
