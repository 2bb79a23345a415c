import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { host as machine, needsFile, PATIENCE } from '../integration/support/host.js';
import { Podman } from '../integration/support/podman.js';
import { PrivateHost } from '../integration/support/private-host.js';
import { test as base } from '../integration/support/test.js';
import { asking, SERVER } from './support/web.js';

const FIRST_ID = 100_000;
const SYSTEMD = '/lib/systemd/systemd';

/** Units of a systemd that boots nothing else; a service shows the limit that it has from its systemd. */
const UNITS = {
  'empty.target': '[Unit]\nDefaultDependencies=no\n',
  'limited.service': `
    [Unit]
    DefaultDependencies=no
    [Service]
    Type=oneshot
    MemoryMax=64M
    ExecStart=/bin/sh -c 'cat /sys/fs/cgroup/system.slice/limited.service/memory.max >/run/limit'`,
};

/** podman with an image and groups, on a host where it may give away ids (subuid(5)). */
const test = base.extend('podman', { scope: 'file' }, async ({ niwad }, { onCleanup }) => {
  const podman = new Podman(niwad);
  const host = await PrivateHost.start();
  podman.enter(host);
  onCleanup(async () => {
    await podman.run('pod', 'rm', '--all', '--force', '--time', '0');
    await podman.run('rm', '--all', '--force', '--time', '0');
    await host.end();
  });
  const ids = join(niwad.place.files, 'subordinate-ids');
  writeFileSync(ids, `containers:${FIRST_ID}:1000000\n`);
  for (const file of ['/etc/subuid', '/etc/subgid']) await host.done('mount', '--bind', ids, file);
  await podman.loadImage();
  return podman;
});

test('podman gives each container with --userns=auto ids of its own', { tags: 'vm' }, async ({ podman, niwad }) => {
  const firsts = new Set<number>();
  for (const name of ['one', 'two']) {
    const options = ['--detach', '--name', name, '--userns=auto', '--network=none'];
    await podman.done(...podman.ofImage(...options), 'sleep', '1000');
    const text = 'cat /proc/self/uid_map; touch /made; stat -c %u:%g /made';
    const lines = (await podman.done('exec', name, 'sh', '-c', text)).split('\n');
    const [inside, first = '', count] = lines[0]?.trim().split(/ +/) ?? [];
    expect([inside, Number(count) >= 1024, lines[1]]).toEqual(['0', true, '0:0']);
    firsts.add(Number(first));
  }
  expect(firsts.size).toBe(2);
  expect(Math.min(...firsts)).toBeGreaterThanOrEqual(FIRST_ID);
  await podman.done('rm', '--force', '--time', '0', 'one', 'two');
  expect(await niwad.client.list()).toEqual([]);
});

test('podman gives an init, a read-only root, and volumes', async ({ podman, niwad }) => {
  const bound = join(niwad.place.files, 'bound');
  mkdirSync(bound);
  writeFileSync(join(bound, 'in'), 'from the host\n');
  const options = ['--rm', '--network=none', '-v', 'named:/named'];
  const more = ['--init', '--read-only', '-v', `${bound}:/bound:ro`, '--tmpfs', '/t'];
  const text = `cat /proc/1/comm; touch /a 2>&1; cat /bound/in; touch /bound/a 2>&1; touch /t/a && echo made
    echo kept > /named/file`;
  const lines = (await podman.done(...podman.ofImage(...options, ...more), 'sh', '-c', text)).split('\n');
  expect(lines[0]).toMatch(/init|catatonit/);
  expect(lines.slice(1)).toEqual([
    ...['touch: /a: Read-only file system', 'from the host', 'touch: /bound/a: Read-only file system', 'made'],
  ]);
  expect(await podman.done(...podman.ofImage(...options), 'cat', '/named/file')).toBe('kept');
  expect(await podman.done(...podman.ofImage('--rm', '--network=none', '-v', 'bare:/bare:nocopy'), 'ls', '/bare')).toBe(
    '',
  );
  await podman.done('volume', 'rm', 'named', 'bare');
});

test('containers of podman reach one another by its bridge', { tags: 'vm' }, async ({ podman }) => {
  await podman.done(...podman.ofImage('--detach', '--name', 'web'), ...SERVER);
  const address = await podman.done('inspect', 'web', '--format', '{{.NetworkSettings.IPAddress}}');
  expect(await podman.done(...podman.ofImage('--rm'), ...asking(`http://${address}/`))).toBe('hello');
  await podman.done('rm', '--force', '--time', '0', 'web');
});

test('the containers of a pod of podman share its network and its name, and are paused and removed with it', {
  tags: 'vm',
}, async ({ podman, niwad }) => {
  await podman.done(...podman.pod('pod'));
  await podman.done(...podman.ofImage('--detach', '--pod', 'pod', '--name', 'served'), ...SERVER);
  const within = podman.ofImage('--rm', '--pod', 'pod');
  expect(await podman.done(...within, ...asking('http://127.0.0.1/'))).toBe('hello');
  expect(await podman.done(...within, 'busybox', 'hostname')).toBe('pod');
  expect(await podman.done('top', 'served', 'pid', 'args')).toMatch(/1 +busybox httpd -f -p 80 -h \//);
  await podman.done('pod', 'pause', 'pod');
  expect((await niwad.client.list()).map(({ state }) => state)).toEqual(['paused', 'paused']);
  await podman.done('pod', 'unpause', 'pod');
  expect(await podman.done('pod', 'ps', '--format', '{{.Name}} {{.Status}}')).toBe('pod Running');
  await podman.done('pod', 'rm', '--force', '--time', '0', 'pod');
  expect(await niwad.client.list()).toEqual([]);
});

test('a systemd in a container of podman boots, limits its services, and makes at most 2,000 groups', {
  tags: 'vm',
}, async ({ podman, niwad, skip }) => {
  needsFile(skip, SYSTEMD, 'the package systemd is not installed');
  const words = podman.grouped('--detach', '--name', 'booted', '--systemd=always', '--network=none');
  const units = join(words.at(-1) ?? '', 'etc/systemd/system');
  mkdirSync(units, { recursive: true });
  for (const [name, text] of Object.entries(UNITS)) writeFileSync(join(units, name), text);
  await podman.done(...words, SYSTEMD, '--unit=empty.target');
  const say = async (text: string) => (await podman.run('exec', 'booted', 'sh', '-c', text)).stdout;
  await vi.waitFor(async () => expect(await say('systemctl is-active empty.target')).toBe('active'), PATIENCE);

  if (!('memory' in machine.missing)) {
    expect(await say('systemctl start limited.service && cat /run/limit')).toBe(`${64 * 2 ** 20}`);
    const raise = 'cd /sys/fs/cgroup; echo max >cgroup.max.descendants || echo refused; cat cgroup.max.descendants';
    expect(await say(raise)).toBe('refused\n2000');
  }
  const many = 'cd /sys/fs/cgroup && mkdir $(seq -f g%g 2000) 2>&1 | tail -n 1; cat cgroup.max.depth; rmdir g*';
  expect((await say(many)).split('\n')).toEqual([expect.stringContaining('Resource temporarily unavailable'), '32']);

  await podman.done('stop', '--time', '300', 'booted');
  expect(await podman.done('wait', 'booted')).toBe('0');
  await podman.done('rm', 'booted');
  expect(await niwad.client.list()).toEqual([]);
});
