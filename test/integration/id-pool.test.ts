import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePlace, Niwad, removePlace } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };
const place = makePlace({ idPool: { start: 0x7100_0000, count: 1 } });
let niwad: Niwad;

beforeAll(async () => {
  niwad = await Niwad.start(place);
});

afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

test('an exhausted pool refuses a container and leaves nothing of it; the next one gets the range that is free', async () => {
  const { client } = niwad;
  const { userns } = await niwad.start({ id: 'first', process: sleeper });
  expect(userns?.uids).toEqual([{ container: 0, host: 0x7100_0000, size: 65_536 }]);
  for (let i = 0; i < 2; i++)
    await expect(niwad.start({ id: 'second', process: sleeper })).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
  await client.remove('first', { force: true });
  expect((await niwad.start({ id: 'second', process: sleeper })).userns).toEqual(userns);
  await expect(niwad.start({ id: 'third', process: sleeper })).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
});

test('a daemon whose pool is exhausted stops as any other', async () => {
  expect(await niwad.stop()).toBe(0);
});
