import { expect, it } from 'vitest';
import { fits, toFilter } from '../../../src/spec/filter.js';
import { refusal } from '../support.js';

const alices = { owner: 'alice', labels: { a: '1', b: '2=3' } };
const nobodys = { owner: null, labels: {} };

it.each<[query: Parameters<typeof toFilter>[0], alices: boolean, nobodys: boolean]>([
  [{}, true, true],
  [{ owner: ['alice'] }, true, false],
  [{ owner: ['alice', 'alice'] }, true, false],
  [{ owner: ['bob'] }, false, false],
  [{ label: ['a=1'] }, true, false],
  [{ label: ['a=1', 'b=2=3'] }, true, false],
  [{ label: ['a=1', 'b=2'] }, false, false],
  [{ label: ['a=1', 'a=1', 'c='] }, false, false],
  [{ owner: ['alice'], label: ['a=2'] }, false, false],
  [{ label: ['toString='] }, false, false],
])('%j', (query, ofAlice, ofNobody) => {
  const filter = toFilter(query);
  expect([fits(filter, alices), fits(filter, nobodys)]).toEqual([ofAlice, ofNobody]);
});

it.each<[query: Parameters<typeof toFilter>[0], path: string, found: string]>([
  [{ owner: ['alice', 'bob'] }, 'owner', '"alice" and "bob"'],
  [{ label: ['a=1', 'b=1', 'a=2'] }, 'label a', '"1" and "2"'],
])('refuses %j, which nothing fits', (query, path, found) => {
  expect(refusal(() => toFilter(query)).details.problems).toMatchObject([{ path, found }]);
});
