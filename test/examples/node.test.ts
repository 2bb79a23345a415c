import { expect } from 'vitest';
import { Site, test } from './support.js';

test('a Node.js site runs on the Node.js of the host', async ({ niwad }) => {
  const begin = Date.now();
  const site = await Site.start(niwad, 'node');
  await site.get('/');
  console.log(`from niwa run to the first answer: ${Date.now() - begin} ms`);

  const { status, body } = await site.get('/?name=alice');
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({ hello: 'alice', from: site.id, user: 65534 });
  expect((await site.get('/no-such-page')).status).toBe(404);
  expect(await site.getMany('/', 50)).toEqual(Array(50).fill(200));

  const { exit, stdout } = await site.stop();
  expect(exit).toMatchObject({ code: 0, reason: 'stopped' });
  expect(stdout).toMatch(/answered 5\d\n$/);
  expect(niwad.groups()).not.toContain(site.id);
});
