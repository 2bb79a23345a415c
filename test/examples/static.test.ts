import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { build, folderOf, Site, test } from './support.js';

test('nginx serves a folder, as a user without any rights', async ({ niwad, skip }) => {
  await build(skip, 'static');
  const site = await Site.start(niwad, 'static');

  const index = readFileSync(join(folderOf('static'), 'site/index.html'), 'utf8');
  expect(await site.get('/')).toEqual({ status: 200, body: index });
  expect((await site.get('/style.css', '-I')).body).toContain('Content-Type: text/css');
  expect((await site.get('/no-such-page')).status).toBe(404);
  expect((await site.get('/', '-X', 'PUT', '-d', 'mine')).status).toBe(405);
  expect(await site.getMany('/', 50)).toEqual(Array(50).fill(200));

  const { exit, stdout } = await site.stop();
  expect(exit).toMatchObject({ code: 0, reason: 'stopped' });
  expect(stdout.match(/"GET \/ HTTP\/1.1" 200/g)?.length).toBeGreaterThanOrEqual(52);
  expect(niwad.groups()).not.toContain(site.id);
});
