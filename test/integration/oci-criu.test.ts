import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { describe, expect, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { host, PATIENCE, type Skip, scaled } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { NIWA_OCI, Oci } from './support/oci.js';
import { test as base } from './support/test.js';

cleanUpDaemons();
const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const MADE = { exitCode: 0, message: '' };
/** Writes numbers into a file of its root; it has a child. */
const COUNTER = 'i=0; while :; do i=$((i+1)); echo $i >> /count; sleep 0.05; done';

/** That of Debian 12 knows the kernel of the virtual machine, and none that is much newer. */
const CRIU = process.env.NIWA_TEST_CRIU ?? '/usr/sbin/criu';

/** Skips the test where CRIU cannot work. */
function needsCriu(skip: Skip): void {
  const { exitCode, stderr } = execaSync(CRIU, ['check'], { reject: false });
  skip(exitCode !== 0, `needs a kernel that CRIU knows: ${String(stderr).split('\n')[0]}`);
}

/** Makes a container that counts in its root, and waits until it does. */
async function counting(oci: Oci, script = COUNTER, isDetached = true) {
  const id = oci.id();
  const bundle = await oci.bundle(script, (config) => {
    config.root = { path: 'rootfs' };
    if (!('pids' in host.missing)) config.linux.resources = { pids: { limit: 50 } };
    for (const mount of config.mounts) if (mount.type === 'bind') mount.options = ['bind', 'ro'];
  });
  if (isDetached) expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  else void piped(oci, join(bundle, 'first'), 'run', '--bundle', bundle, id);
  await counts(bundle, 0);
  return { id, bundle, images: join(bundle, 'images') };
}

/** Runs the command to its end with pipes as its streams, which CRIU knows, where those of execa are sockets. */
const piped = ({ socket }: Oci, output: string, ...args: string[]) =>
  execa('sh', ['-c', '("$@"; echo status $?) 2>&1 | cat > "$0"', output, NIWA_OCI, ...args], {
    env: { NIWA_OCI_SOCKET: socket },
    stdin: 'ignore',
  });

const checkpoint = (oci: Oci, images: string, ...rest: string[]) =>
  oci.make('--criu', CRIU, 'checkpoint', '--image-path', images, ...rest);
const restore = (images: string, bundle: string) => [
  ...['--criu', CRIU, 'restore', '--image-path', images, '--bundle', bundle],
];

/** Gives the last number that a container has written; each follows the one before. */
function countIn(bundle: string): number {
  const path = join(bundle, 'rootfs/count');
  const numbers = existsSync(path) ? (readFileSync(path, 'utf8').match(/\d+\n/g) ?? []).map(Number) : [];
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  return numbers.length;
}
/** Waits until a container has counted beyond a number. */
const counts = (bundle: string, last: number) =>
  vi.waitFor(() => expect(countIn(bundle)).toBeGreaterThan(last), PATIENCE);
const groupsOf = ({ containers }: Niwad) =>
  readdirSync(containers).filter((name) => existsSync(join(containers, name, 'cgroup.procs')));

/** Writes a program that stands for CRIU. It runs in the directory of the log. */
function programOf(bundle: string, script: string): string {
  const path = join(bundle, 'criu');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('without CRIU, or where it fails', () => {
  test('a checkpoint says what is missing, and the container goes on', async ({ oci }) => {
    const { id, bundle } = await counting(oci);
    expect(await oci.make('--criu', '/no/such', 'checkpoint', id)).toEqual({
      exitCode: 1,
      message:
        'checkpoint and restore need CRIU, and there is no program /no/such: install it (on Debian: apt-get install criu), or name it with --criu',
    });
    await counts(bundle, countIn(bundle));
    await oci.done('delete', '--force', id);
  });

  test('a checkpoint that fails has the first error of the log, and the container goes on', async ({ oci, niwad }) => {
    const { id, bundle, images } = await counting(oci);
    const criu = programOf(
      bundle,
      `printf 'first\\nError (a.c:1): no way\\nError (b.c:2): so\\n' > dump.log; echo 1 > "${niwad.containers}"/*/cgroup.freeze; exit 3`,
    );
    const { exitCode, message } = await oci.make('--criu', criu, 'checkpoint', '--image-path', images, id);
    expect([exitCode, message]).toEqual([
      1,
      `criu failed (exit status 3): checkpoint: Error (a.c:1): no way (log file: ${images}/dump.log)`,
    ]);
    expect(JSON.parse(readFileSync(join(images, 'descriptors.json'), 'utf8'))).toEqual(
      Array(3).fill(expect.stringMatching(/^file\[[0-9a-f]+:[0-9a-f]+\]$/)), // /dev/null of the host
    );
    await counts(bundle, countIn(bundle));
    await oci.done('delete', '--force', id);
  });

  test('a checkpoint fails where the container ends meanwhile: another process may have its pid then', async ({
    oci,
  }) => {
    const { id, bundle, images } = await counting(oci);
    const { pid } = await oci.state(id);
    const asked = join(bundle, 'asked');
    const ask = (step: string) => `CRTOOLS_SCRIPT_ACTION=${step} "$action" && echo ${step} >> ${asked}`;
    const criu = programOf(
      bundle,
      `for word; do [ "$last" = --action-script ] && action=$word; last=$word; done
      ${ask('pre-dump')}; ${ask('network-lock')}
      kill -9 ${pid}; while [ -e /proc/${pid} ]; do sleep 0.05; done
      ${ask('post-dump')}`,
    );
    expect(await oci.make('--criu', criu, 'checkpoint', '--image-path', images, id)).toEqual({
      exitCode: 1,
      message: 'criu failed (exit status 1): checkpoint: the container has ended meanwhile',
    });
    expect(readFileSync(asked, 'utf8')).toBe('pre-dump\nnetwork-lock\n');
    expect(await oci.state(id)).toMatchObject({ status: 'stopped' });
    await oci.done('delete', id);
  });

  test('a restore that fails leaves nothing', async ({ oci, niwad }) => {
    const bundle = await oci.bundle('true');
    const cases = {
      "echo 'Error (a.c:1): no way' > restore.log; exit 1": 'criu failed (exit status 1): restore: Error (a.c:1)',
      // it has not restored a child of niwa-oci
      'while [ "$1" != --pidfile ]; do shift; done; echo 1 > $2': 'criu has restored no container',
      // groups below that of the container
      [`while [ "$1" != --cgroup-root ]; do shift; done; mkdir -p "${niwad.containers}/\${2##*/}/a/b" && exit 4`]:
        'criu failed (exit status 4): restore',
      'kill -9 $$': 'criu failed (ended by SIGKILL): restore: it wrote nothing',
    };
    for (const [script, words] of Object.entries(cases)) {
      const criu = programOf(bundle, script);
      const made = await oci.make('--criu', criu, 'restore', '-d', '--image-path', bundle, '-b', bundle, oci.id());
      expect(made).toEqual({ exitCode: 1, message: expect.stringContaining(words) });
      expect(await niwad.client.list()).toEqual([]);
      expect(groupsOf(niwad)).toEqual([]);
    }
  });

  test('a restore lets nobody write to a root that is read-only', async ({ oci }) => {
    const bundle = await oci.bundle('true', (config) => {
      config.root = { path: 'rootfs', readonly: true };
    });
    const criu = programOf(
      bundle,
      'while [ "$1" != --root ]; do shift; done; echo "Error (a.c:1): $(ls "$2"; touch "$2/new" 2>&1)" | tr "\\n" " " > restore.log; exit 1',
    );
    const { message } = await oci.make('--criu', criu, 'restore', '-d', '--image-path', bundle, '-b', bundle, oci.id());
    expect(message).toMatch(/bin .*usr .*Read-only file system/);
    expect(existsSync(join(bundle, 'rootfs/new'))).toBe(false);
  });

  test('a checkpoint is refused where the first process is in a group below', async ({ oci, niwad }) => {
    const { id, bundle, images } = await counting(oci);
    const { pid } = await oci.state(id);
    const [{ cgroup = '' } = {}] = await niwad.client.list();
    mkdirSync(join(cgroup, 'init'));
    writeFileSync(join(cgroup, 'init/cgroup.procs'), String(pid));
    const criu = programOf(bundle, 'exit 0');
    const { exitCode, message } = await oci.make('--criu', criu, 'checkpoint', '--image-path', images, id);
    expect([exitCode, message]).toEqual([1, expect.stringContaining('first process is in a group below its own')]);
    await oci.done('delete', '--force', id);
  });

  test('a container goes on that CRIU has frozen, when both have died; one that is paused stays so', async () => {
    const place = newPlace();
    const niwad = await startDaemon(place);
    const oci = new Oci(niwad);
    const one = await counting(oci);
    const paused = await counting(oci);
    await oci.done('pause', paused.id);
    const groups = (await niwad.client.list()).map(({ oci, cgroup }) => [oci?.id, cgroup] as const);
    const freezerOf = ({ id }: { id: string }) => `${new Map(groups).get(id)}/cgroup.freeze`;
    for (const { id, bundle, images } of [one, paused]) {
      const criu = programOf(bundle, `echo 1 > ${freezerOf({ id })}; echo $$ > begun; exec sleep 1000`);
      void oci.make('--criu', criu, 'checkpoint', '--leave-running', '--image-path', images, id);
      await vi.waitFor(() => expect(readFileSync(join(images, 'begun'), 'utf8')).toMatch(/\n/), PATIENCE);
    }
    const last = countIn(one.bundle);
    await niwad.stop('SIGKILL');
    for (const { images } of [one, paused])
      process.kill(Number(readFileSync(join(images, 'begun'), 'utf8')), 'SIGKILL');
    await startDaemon(place);
    expect((await oci.state(one.id)).status).toBe('running');
    await vi.waitFor(() => expect(countIn(one.bundle)).toBeGreaterThan(last + 1), {
      ...PATIENCE,
      timeout: scaled(30_000),
    });
    expect((await oci.state(paused.id)).status).toBe('paused');
    expect(readFileSync(freezerOf(paused), 'utf8')).toBe('1\n');
    for (const { id } of [one, paused]) await oci.done('delete', '--force', id);
  });

  test('a container that is paused after an interrupted checkpoint stays so over another death of niwad', async () => {
    const place = newPlace();
    const niwad = await startDaemon(place);
    const oci = new Oci(niwad);
    const { id, bundle, images } = await counting(oci);
    const criu = programOf(bundle, 'echo $$ > begun; exec sleep 1000');
    void oci.make('--criu', criu, 'checkpoint', '--leave-running', '--image-path', images, id);
    await vi.waitFor(() => expect(readFileSync(join(images, 'begun'), 'utf8')).toMatch(/\n/), PATIENCE);
    await niwad.stop('SIGKILL');
    process.kill(Number(readFileSync(join(images, 'begun'), 'utf8')), 'SIGKILL');
    const next = await startDaemon(place);
    await oci.done('pause', id);
    await next.stop('SIGKILL');
    await startDaemon(place);
    expect((await oci.state(id)).status).toBe('paused');
    await oci.done('delete', '--force', id);
  });

  test('a checkpoint is not interrupted where niwad ends meanwhile', async () => {
    const place = newPlace();
    const niwad = await startDaemon(place);
    const oci = new Oci(niwad);
    const { id, bundle, images } = await counting(oci);
    const criu = programOf(bundle, 'touch begun; while [ ! -e ../go ]; do sleep 0.05; done; touch ended');
    const made = oci.make('--criu', criu, 'checkpoint', '--leave-running', '--image-path', images, id);
    await vi.waitFor(() => expect(existsSync(join(images, 'begun'))).toBe(true), PATIENCE);
    await niwad.stop('SIGKILL');
    await startDaemon(place);
    writeFileSync(join(bundle, 'go'), '');
    expect(await made).toEqual({
      exitCode: 1,
      message: `niwad has ended during the checkpoint, which criu has completed: ${images}`,
    });
    expect(existsSync(join(images, 'ended'))).toBe(true);
    await counts(bundle, countIn(bundle));
    await oci.done('delete', '--force', id);
  });

  test.for([
    ['--pre-dump', 'checkpoint --pre-dump is not supported yet'],
    ['--lazy-pages', 'checkpoint --lazy-pages is not supported yet'],
    ['--manage-cgroups-mode=strict', '--manage-cgroups-mode strict: only soft'],
  ])('%s is refused by its name', async ([option = '', words], { oci }) => {
    const { id, bundle, images } = await counting(oci);
    const criu = programOf(bundle, 'exit 0');
    const { message } = await oci.make('--criu', criu, 'checkpoint', option, '--image-path', images, id);
    expect(message).toContain(words);
    await oci.done('delete', '--force', id);
  });
});

test('a container counts on after checkpoint and restore, with its limits and its bill', { tags: 'vm' }, async ({
  oci,
  niwad,
  skip,
}) => {
  needsCriu(skip);
  const { id, bundle, images } = await counting(oci);
  const [{ id: first = '' } = {}] = await niwad.client.list();
  expect(await checkpoint(oci, images, id)).toEqual(MADE);
  expect((await oci.run('state', id)).stderr).toContain('does not exist');
  expect(niwad.ledger().find((record) => record.id === first && record.type === 'final')).toBeDefined();

  const last = countIn(bundle);
  expect(await oci.make(...restore(images, bundle), '--detach', id)).toEqual(MADE);
  await counts(bundle, last);
  expect(await oci.state(id)).toMatchObject({ status: 'running' });
  const [container] = await niwad.client.list();
  expect(container).toMatchObject({ state: 'running', oci: { id } });
  if (!('pids' in host.missing)) expect(readFileSync(join(container?.cgroup ?? '', 'pids.max'), 'utf8')).toBe('50\n');
  expect(JSON.parse(await oci.done('ps', '--format', 'json', id)).length).toBeGreaterThan(0);
  expect(await oci.done('exec', id, 'grep', '^0:', '/proc/self/cgroup')).toBe('0::/');
  await oci.done('kill', id, 'KILL');
  await oci.stopped(id);
  await oci.done('delete', id);
  const final = niwad.ledger().find((record) => record.id === container?.id && record.type === 'final');
  expect(final).toMatchObject({ signal: 'SIGKILL' });
  expect(groupsOf(niwad)).toEqual([]);
});

test('a root that was read-only is so after a restore', async ({ oci, skip }) => {
  needsCriu(skip);
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000', (config) => {
    config.root = { path: 'rootfs', readonly: true };
    for (const mount of config.mounts) if (mount.type === 'bind') mount.options = ['bind', 'ro'];
  });
  mkdirSync(join(bundle, 'rootfs/tmp')); // CRIU turns the roots there
  const images = join(bundle, 'images');
  expect(await oci.make('run', '--detach', '--bundle', bundle, id)).toEqual(MADE);
  expect(await checkpoint(oci, images, id)).toEqual(MADE);
  expect(await oci.make(...restore(images, bundle), '--detach', id)).toEqual(MADE);
  expect((await oci.run('exec', id, 'touch', '/new')).stderr).toContain('Read-only file system');
  await oci.done('delete', '--force', id);
});

test('a container that was left running and then paused is restored, with other streams', async ({
  oci,
  niwad,
  skip,
}) => {
  needsCriu(skip);
  const { id, bundle, images } = await counting(oci, `${COUNTER.replace('sleep', 'echo $i; sleep')}`, false);
  expect(await checkpoint(oci, images, '--leave-running', id)).toEqual(MADE);
  await counts(bundle, countIn(bundle));
  await oci.done('pause', id);
  expect(await checkpoint(oci, images, id)).toEqual(MADE);
  const without = await oci.bundle('true', (config) => {
    config.mounts = config.mounts.filter(({ type }) => type !== 'bind');
  });
  expect((await oci.make(...restore(images, without), '--detach', id)).message).toMatch(
    /^criu failed \(exit status 1\): restore: .*No mapping for/,
  );
  expect(await niwad.client.list()).toEqual([]);
  expect(groupsOf(niwad)).toEqual([]);

  const last = countIn(bundle);
  const output = join(bundle, 'second');
  const run = piped(oci, output, ...restore(images, bundle), id);
  await counts(bundle, last + 1);
  await vi.waitFor(async () => expect(await oci.state(id)).toMatchObject({ status: 'running' }), PATIENCE);
  await oci.done('kill', id, 'KILL');
  await run;
  expect(readFileSync(output, 'utf8')).toMatch(new RegExp(`^(${last}\\n)?${last + 1}\\n(.*\\n)*status 137\\n$`));
  expect((await oci.run('state', id)).stderr).toContain('does not exist');
});
