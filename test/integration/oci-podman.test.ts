import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, vi } from 'vitest';
import { needsFile, PATIENCE } from './support/host.js';
import { PODMAN, Podman } from './support/podman.js';
import { test as base } from './support/test.js';

const test = base.extend('podman', { scope: 'file' }, ({ niwad }, { onCleanup }) => {
  const podman = new Podman(niwad);
  onCleanup(async () => {
    if (existsSync(PODMAN)) await podman.run('rm', '--all', '--force', '--time', '0');
  });
  return podman;
});
beforeEach(({ skip }) => void needsFile(skip, PODMAN, 'not installed'));

/** Runs a script in a container that is removed at its end. */
const script = (podman: Podman, text: string, ...options: string[]) =>
  podman.run(...podman.container('run', '--rm', ...options), 'sh', '-c', text);

describe('podman run', () => {
  test('gives the output and the exit status of the program, and leaves nothing', async ({ podman, niwad }) => {
    const { exitCode, stdout, stderr } = await script(podman, 'echo out; echo err >&2; exit 7');
    expect([exitCode, stdout, stderr]).toEqual([7, 'out', 'err']);
    expect(await niwad.client.list()).toEqual([]);
  });

  test.for([
    ['/no/such', 127],
    ['no-such', 127],
    ['/usr', 126],
  ] as const)('of %s ends with %i', async ([program, status], { podman, niwad }) => {
    expect((await podman.run(...podman.container('run', '--rm'), program)).exitCode).toBe(status);
    expect(await niwad.client.list()).toEqual([]);
  });

  test('takes user, environment, working directory and volumes', async ({ podman, niwad }) => {
    const volume = join(niwad.place.files, 'volume');
    mkdirSync(volume, { mode: 0o777 });
    writeFileSync(join(volume, 'in'), 'from the host');
    const options = ['--user', '5:6', '--env', 'A=b', '--workdir', '/data', '-v', `${volume}:/data`];
    const { stdout, stderr } = await script(podman, 'id -u; id -g; echo $A; pwd; cat in', ...options);
    expect([stdout, stderr]).toEqual(['5\n6\nb\n/data\nfrom the host', '']);
  });

  test('gives a terminal', async ({ podman }) => {
    expect((await script(podman, 'tty; stat -c %t:%T /dev/console', '--tty')).stdout).toBe('/dev/pts/0\r\n88:0');
  });

  test('with --read-only has a root that nobody writes to, and writable /tmp and /run', async ({ podman }) => {
    const { stdout } = await script(podman, 'touch /a 2>&1; touch /tmp/a /run/a && echo made', '--read-only');
    expect(stdout).toMatch(/Read-only file system\nmade$/);
  });

  test('with --init has an init of its own', async ({ podman, skip }) => {
    needsFile(skip, '/usr/bin/catatonit', 'not installed');
    expect((await script(podman, 'cat /proc/1/comm', '--init')).stdout).toMatch(/init|catatonit/);
  });
});

describe('a container of podman', () => {
  test('is kept by niwad, and goes its way by logs, stop, wait and rm', async ({ podman, niwad }) => {
    const text = 'echo ready; trap "echo stopping; exit 3" TERM; while :; do sleep 0.1; done';
    const id = await podman.done(...podman.container('run', '--detach', '--name', 'one'), 'sh', '-c', text);
    expect((await niwad.client.list())[0]).toMatchObject({ state: 'running', oci: { id } });
    expect(await podman.done('ps', '--format', '{{.Names}} {{.Status}}')).toMatch(/^one Up /);
    await podman.done('stop', 'one');
    expect(await podman.done('wait', 'one')).toBe('3');
    expect(await podman.done('logs', 'one')).toBe('ready\nstopping');
    await podman.done('rm', 'one');
    expect(await niwad.client.list()).toEqual([]);
  });

  test('starts again, is killed, and its end is in the ledger', async ({ podman, niwad }) => {
    await podman.done(...podman.container('create', '--name', 'two'), 'sleep', '1000');
    for (let i = 0; i < 2; i++) {
      await podman.done('start', 'two');
      const [{ id = '' } = {}] = await niwad.client.list();
      await podman.done('kill', 'two');
      expect(await podman.done('wait', 'two')).toBe('137');
      await vi.waitFor(
        () =>
          expect(niwad.ledger().find((record) => record.id === id && record.type === 'final')).toMatchObject({
            reason: 'stopped',
          }),
        PATIENCE,
      );
    }
    await podman.done('rm', 'two');
  });
});
