import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { build, folderOf, Site, test } from './support.js';

test('Apache answers with what PHP has computed', async ({ niwad, skip }) => {
  await build(skip, 'apache-php');
  const site = await Site.start(niwad, 'apache-php', '--hostname', 'shop');

  const { status, body } = await site.get('/?below=100');
  expect(status).toBe(200);
  expect(body).toContain('The sum of the primes below 100 is 1060.');
  expect(body).toMatch(/PHP 8\.2\.\d+ runs as user 33 on shop\./);
  expect((await site.get('/no-such-page.php')).status).toBe(404);
  expect(await site.getMany('/?below=1000', 50)).toEqual(Array(50).fill(200));

  const { exit, stdout, stderr } = await site.stop();
  expect(exit).toMatchObject({ code: 0, reason: 'stopped' });
  expect(stdout.match(/"GET \/\?below=1000 HTTP\/1.1" 200/g)).toHaveLength(50);
  expect(stderr).toContain('shutting down gracefully');
  expect(niwad.groups()).not.toContain(site.id);
});

test('what PHP keeps is in the container alone, and each start is a fresh one', async ({ niwad, skip }) => {
  await build(skip, 'apache-php');
  const jar = join(niwad.place.directory, 'cookies');
  const visit = async (site: Site) => JSON.parse((await site.get('/visits.php', '-b', jar, '-c', jar)).body).visits;
  const site = await Site.start(niwad, 'apache-php');
  expect([await visit(site), await visit(site)]).toEqual([1, 2]);
  await site.stop();

  const again = await Site.start(niwad, 'apache-php');
  expect(again.id).not.toBe(site.id);
  expect(await visit(again)).toBe(1);
  await again.stop();
  expect(readdirSync(join(folderOf('apache-php'), 'root/tmp'))).toEqual([]);
});

test('limits hold for the whole of Apache', { tags: 'vm' }, async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  needsController(skip, 'cpu');
  await build(skip, 'apache-php');
  const site = await Site.start(niwad, 'apache-php', '--cpus', '0.5', '--memory', '64M', '--pids', '40');

  expect((await site.get('/?below=100000')).body).toContain('below 100000 is 454396537.');
  expect(await site.getMany('/?below=1000', 50)).toEqual(Array(50).fill(200));
  const { usage } = await niwad.client.inspect(site.id);
  expect(usage?.cpu.nr_throttled).toBeGreaterThan(0);
  expect(usage?.memory?.peak).toBeLessThanOrEqual(64 << 20);
  expect((await site.stop()).exit).toMatchObject({ code: 0, reason: 'stopped' });
});
