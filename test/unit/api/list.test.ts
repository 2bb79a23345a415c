import { expect, it } from 'vitest';
import { pageOf } from '../../../src/api/routes/list.js';
import { refusal } from '../support.js';

const at = (id: string, milliseconds: number) => ({ id, createdAt: new Date(milliseconds) });
const list = [at('c', 1000), at('b', 3000), at('a', 2000), at('e', 2000), at('d', 2000)];
const ids = (containers: { id: string }[]) => containers.map(({ id }) => id).join('');

it('gives all in the order of creation', () => {
  expect(pageOf(list, {})).toMatchObject({ containers: ['c', 'a', 'd', 'e', 'b'].map((id) => ({ id })), next: null });
});

it('gives each container once, page by page', () => {
  for (const limit of [1, 2, 3, 4, 5, 6]) {
    let all = '';
    let after: string | undefined;
    do {
      const page = pageOf(list, { limit, ...(after === undefined ? {} : { after }) });
      expect(page.containers.length).toBeLessThanOrEqual(limit);
      all += ids(page.containers);
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(all).toBe('cadeb');
  }
});

it('goes on behind a container that has gone meanwhile, and finds the new ones', () => {
  const { next } = pageOf(list, { limit: 3 });
  const later = [...list.filter(({ id }) => id !== 'd'), at('f', 4000)];
  expect(ids(pageOf(later, { after: next ?? '' }).containers)).toBe('ebf');
});

it.each(['', 'c', '1000', ':c', '1000:', '-1:c', '1e3:c'])('refuses the place "%s"', (after) => {
  expect(refusal(() => pageOf(list, { after })).details.problems?.[0]?.path).toBe('after');
});
