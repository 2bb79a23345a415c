// @module-tag vm
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { test } from './support/test.js';

const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0).reverse()) execFileSync('umount', ['--lazy', path]);
});

/** Mounts something on a new directory until the end of the test. */
function mount(path: string, ...args: string[]): string {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', [...args, path]);
  mounted.push(path);
  return path;
}

const mountsOfHost = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => !line.includes('/niwa-test-')).length;

test('that are rslave show what the host mounts later; others do not, and nothing gets out', async ({ niwad }) => {
  const shared = mount(join(niwad.place.files, 'shared'), '-t', 'tmpfs', '--make-shared', 'niwa-test');
  for (const name of ['later', 'inner']) mkdirSync(join(shared, name));
  const script = `echo ready; until test -e /rslave/later/file; do sleep 0.05; done; cat /rslave/later/file
    test -e /private/later/file || echo hidden`;
  const bind = { type: 'bind' as const, source: shared };
  const before = mountsOfHost();
  const { id } = await niwad.start({
    process: { args: ['sh', '-c', script] },
    mounts: [
      { ...bind, target: '/rslave', propagation: 'rslave' },
      { ...bind, target: '/private' },
      { type: 'tmpfs', target: '/rslave/inner' },
    ],
  });
  await niwad.says(id, 'ready');
  expect(mountsOfHost()).toBe(before);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('/shared/inner');
  const later = mount(join(shared, 'later'), '-t', 'tmpfs', 'niwa-test');
  writeFileSync(join(later, 'file'), 'seen\n');
  await niwad.client.wait(id);
  expect((await niwad.output(id)).stdout).toBe('ready\nseen\nhidden\n');
});

test('whose file system cannot be id-mapped are shown as they are, and the operator is told', async ({ niwad }) => {
  const at = (name: string) => join(niwad.place.files, 'unmapped', name);
  for (const name of ['lower', 'upper', 'work']) mkdirSync(at(name), { recursive: true });
  writeFileSync(join(at('lower'), 'file'), 'there\n');
  const options = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`;
  const source = mount(at('overlay'), '-t', 'overlay', '-o', options, 'niwa-test');
  const words = `mounts[0]: the file system of ${source} cannot be id-mapped by this kernel`;

  const mounts = [{ type: 'bind' as const, source, target: '/mnt' }];
  const { status, stdout } = await niwad.run({
    process: { args: ['sh', '-c', 'stat -c %u /mnt/file; cat /mnt/file'] },
    mounts,
  });
  expect(stdout).toBe('65534\nthere\n');
  expect(status.warnings).toEqual([expect.stringContaining(words)]);
  expect(niwad.log).toContain(words);
  const told = await niwad.cli('run', '--rm', '--volume', `${source}:/mnt:ro`, '--', 'cat', '/mnt/file');
  expect(told).toMatchObject({
    exitCode: 0,
    stdout: 'there',
    stderr: expect.stringContaining(`niwa: warning: ${words}`),
  });
  const quiet = await niwad.cli('run', '--rm', '--volume', `${source}:/mnt:ro,idmap=false`, '--', 'cat', '/mnt/file');
  expect(quiet).toMatchObject({ exitCode: 0, stdout: 'there', stderr: '' });
  await expect(niwad.sh('true', { mounts: [{ ...mounts[0], idmap: true } as never] })).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining('cannot be id-mapped'),
  });
});

test("with maps of their own keep the customer's ids, whichever container has them", async ({ niwad }) => {
  const source = join(niwad.place.files, 'customer');
  mkdirSync(source);
  chownSync(source, 10_050, 10_060);
  writeFileSync(join(source, 'of-root'), '');
  const idmap = {
    uids: [{ container: 33, host: 10_050, size: 1 }],
    gids: [{ container: 44, host: 10_060, size: 1 }],
  };
  const mounts = [
    { type: 'bind' as const, source, target: '/mnt', idmap },
    { type: 'bind' as const, source, target: '/again', idmap },
    { type: 'bind' as const, source, target: '/plain' },
  ];
  const script = 'echo mine >/mnt/$0; stat -c %u:%g /mnt /mnt/$0 /mnt/of-root /plain; cat /again/$0';
  for (const [name, userns] of [
    ['first', 'auto'],
    ['second', 'auto'],
    ['third', 'host'],
  ] as const) {
    const { stdout, stderr } = await niwad.run({
      process: { args: ['sh', '-c', script, name], user: '33:44' },
      userns,
      mounts,
    });
    const plain = '10050:10060'; // on this disk they are the same numbers in every container
    expect({ stdout, stderr }).toEqual({ stdout: `33:44\n33:44\n65534:65534\n${plain}\nmine\n`, stderr: '' });
    expect(statSync(join(source, name))).toMatchObject({ uid: 10_050, gid: 10_060 });
  }
  const refused = await niwad.run({ process: { args: ['sh', '-c', 'echo x >/mnt/root'] }, mounts });
  expect(refused.exit.code).not.toBe(0);
});

test('of the command line: a tmpfs with a size', async ({ niwad }) => {
  const script = 'stat -f -c "%b %S" /small | { read -r blocks size; echo $((blocks * size)); }';
  expect(await niwad.cli('run', '--rm', '--tmpfs', '/small:size=256K', '--', 'sh', '-c', script)).toMatchObject({
    exitCode: 0,
    stdout: '262144',
  });
});
