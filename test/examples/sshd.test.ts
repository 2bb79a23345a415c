import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, vi } from 'vitest';
import { host, PATIENCE, type Skip } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { build, folderOf, Site, test } from './support.js';

async function startSshd(niwad: Niwad, skip: Skip): Promise<Site> {
  skip(
    host.inVm,
    'needs id-mapped files, private ones of root and of the customer: the virtual machine shows them by 9p',
  );
  await build(skip, 'apache-php');
  await build(skip, 'sshd');
  const site = await Site.start(niwad, 'sshd');
  await niwad.says(site.id, 'Server listening on 0.0.0.0 port 22');
  return site;
}

/** Of several `-F`, the last one counts. */
const ssh = (site: Site, ...words: string[]) => site.run('ssh', ['-F', 'ssh_config', ...words]);

test('a customer logs in by key, runs commands and gets their exit status', async ({ niwad, skip }) => {
  const site = await startSshd(niwad, skip);

  const { exitCode, stdout } = await ssh(site, 'site', 'id -un; id -u; uname -n; cat /proc/self/status; exit 7');
  expect(exitCode).toBe(7);
  expect(stdout).toMatch(new RegExp(`^customer\n1000\n${site.id}\n`));
  expect(stdout).toMatch(/^CapEff:\t0+$/m);
  expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);

  const terminal = await ssh(site, '-tt', 'site', 'tty; test -t 0 && echo interactive');
  expect(terminal.stdout).toMatch(/^\/dev\/pts\/\d+\r?\ninteractive/);

  const refused = { exitCode: 255, stderr: expect.stringContaining('Permission denied (publickey)') };
  expect(await ssh(site, '-l', 'root', 'site', 'true')).toMatchObject(refused);
  const key = join(niwad.place.directory, 'stranger');
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const host = readFileSync(join(folderOf('sshd'), 'ssh_config'), 'utf8').replace('keys/customer', key);
  writeFileSync(`${key}.config`, host);
  expect(await ssh(site, '-F', `${key}.config`, 'site', 'true')).toMatchObject(refused);

  const { exit, stderr } = await site.stop();
  expect(exit).toMatchObject({ code: 0, reason: 'stopped' });
  expect(stderr).toContain('Accepted publickey for customer');
  expect(niwad.groups()).not.toContain(site.id);
});

test('files go there and back by sftp, and Apache beside it serves them', async ({ niwad, skip }) => {
  const files = niwad.place.files;
  const page = `page-${randomBytes(4).toString('hex')}.html`;
  const served = join(folderOf('apache-php'), 'www', page);
  onTestFinished(() => rmSync(served, { force: true }));
  const content = randomBytes(1_000_000).toString('base64');
  writeFileSync(join(files, page), content);
  const sshd = await startSshd(niwad, skip);
  const apache = await Site.start(niwad, 'apache-php');

  const batch = `put ${files}/${page} www/${page}\nget www/${page} ${files}/back\n`;
  const sftp = await sshd.run('sftp', ['-F', 'ssh_config', '-b', '-', 'site'], batch);
  expect(sftp.exitCode, sftp.stderr).toBe(0);
  expect(readFileSync(join(files, 'back'), 'utf8')).toBe(content);

  const { uid, gid } = statSync(served);
  expect({ uid, gid }, 'the ids on disk are those inside').toEqual({ uid: 1000, gid: 1000 });
  const { status, body } = await apache.get(`/${page}`);
  expect([status, body === content]).toEqual([200, true]);

  await Promise.all([sshd.stop(), apache.stop()]);
});

test('what runs in a session ends with the container', async ({ niwad, skip }) => {
  const site = await startSshd(niwad, skip);
  const session = ssh(site, 'site', 'echo begun; sleep 1000');
  await vi.waitFor(() => expect(niwad.pidsOf(site.id).length).toBeGreaterThan(3), PATIENCE);
  await site.stop();
  expect(await session).toMatchObject({ exitCode: 255, stdout: 'begun' });
  expect(niwad.groups()).not.toContain(site.id);
});
