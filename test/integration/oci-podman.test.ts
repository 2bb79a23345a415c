import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
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

describe('podman with a user namespace', () => {
  const FIRST = 100_000;
  const MAP = ['--uidmap', `0:${FIRST}:65536`];

  /** The words for a container whose root belongs to these ids: podman gives them only the roots of images. */
  async function mapped(podman: Podman, ...options: string[]): Promise<string[]> {
    const words = podman.container('run', ...options);
    await execa('chown', ['-Rh', `${FIRST}:${FIRST}`, words.at(-1) ?? '']);
    return words;
  }

  test('maps the ids, of a volume, too, and has all that it has without', async ({ podman, niwad }) => {
    const volume = join(niwad.place.files, 'mapped');
    mkdirSync(volume);
    chmodSync(volume, 0o777);
    const text = 'id -u; tr -s " " </proc/self/uid_map; touch /data/made; tty; ls /sys/fs/cgroup | head -n 1 | wc -l';
    const words = await mapped(podman, ...MAP, '--rm', '--tty', '-v', `${volume}:/data`);
    const { stdout, stderr } = await podman.run(...words, 'sh', '-c', text);
    expect([stdout, stderr]).toEqual([`0\r\n 0 ${FIRST} 65536\r\n/dev/pts/0\r\n1\r\n`.trimEnd(), '']);
    expect(statSync(join(volume, 'made')).uid).toBe(FIRST);
  });

  test('is entered by exec, and shared with a further container', async ({ podman }) => {
    await podman.done(...(await mapped(podman, ...MAP, '--detach', '--name', 'mapped')), 'sleep', '1000');
    const text = 'id -u; tr -s " " </proc/self/uid_map';
    expect(await podman.done('exec', 'mapped', 'sh', '-c', text)).toBe(`0\n 0 ${FIRST} 65536`);
    const sharing = await mapped(podman, '--rm', '--userns', 'container:mapped');
    expect(await podman.done(...sharing, 'sh', '-c', text)).toBe(`0\n 0 ${FIRST} 65536`);
    await podman.done('rm', '--force', '--time', '0', 'mapped');
  });
});
