import { describe, expect, it } from 'vitest';
import { learn, type Model } from '../../../../src/cli/top/model.js';
import { figuresOf } from '../../../../src/cli/top/row.js';
import { serviceOf } from '../../services-samples.js';
import { after, exitEvent, modelOf, NOW, stats, status, type } from './samples.js';

const ids = ({ shown }: Model) => shown.map(({ id }) => id);

const three = modelOf([
  {
    type: 'statuses',
    statuses: [
      status('web', { owner: 'alice', labels: { tier: 'Front' } }, { leftMs: 60_000 }),
      status('burner', { owner: 'bob' }),
      status('idle', {}, { leftMs: 10_000 }),
    ],
  },
  {
    type: 'stats',
    stats: [
      stats('web', { cpu: 0.2, memory: 3, read: 5, received: 1, pressure: [0, 9, 0], throttled: 0.5 }),
      stats('burner', { cpu: 1, memory: 2, written: 9, received: 7, pressure: [1, 1, 1] }),
      stats('idle', { cpu: 0, memory: null, pressure: [0, 0, 20] }),
    ],
  },
]);

it.for<[string, string[]]>([
  ['c', ['burner', 'web', 'idle']],
  ['m', ['web', 'burner', 'idle']],
  ['i', ['burner', 'web', 'idle']],
  ['n', ['burner', 'web', 'idle']],
  ['p', ['idle', 'web', 'burner']],
  ['t', ['web', 'burner', 'idle']],
  ['l', ['idle', 'web', 'burner']],
  ['a', ['burner', 'idle', 'web']],
])('sorts by the key %s', ([key, order]) => {
  expect(ids(type(three, key))).toEqual(order);
});

it('turns the order round, but for what has no figure', () => {
  expect(ids(type(three, 'a', 'r'))).toEqual(['web', 'idle', 'burner']);
  expect(ids(type(three, 'm', 'r'))).toEqual(['burner', 'web', 'idle']);
  expect(ids(type(three, 'm', 'r', 'm'))).toEqual(['web', 'burner', 'idle']);
});

it('filters by id, owner and label while it is typed', () => {
  const typing = type(three, '/', 'A', 'l', 'i', 'c');
  expect([ids(typing), typing.filter]).toEqual([['web'], 'Alic']);
  expect(ids(type(three, '/', 'i', 'd', 'l'))).toEqual(['idle']);
  expect(ids(type(three, '/', ...'tier=f'))).toEqual(['web']);
  expect(ids(type(three, '/', 'x', 'q', 'r'))).toEqual([]);
});

it('filters by the id that an engine has given', () => {
  const made = { ...status('n1'), oci: { id: 'c0ffee', root: '/r', bundle: '/b' } };
  const news = [
    { type: 'statuses' as const, statuses: [made, status('n2')] },
    { type: 'stats' as const, stats: [stats('n1'), stats('n2')] },
  ];
  expect(ids(type(modelOf(news), '/', ...'coff'))).toEqual([]);
  expect(ids(type(modelOf(news), '/', ...'c0ff'))).toEqual(['n1']);
});

it('takes letters as keys again after Enter, and clears the filter by Esc', () => {
  const kept = type(three, '/', 'b', 'u', ':return');
  expect([kept.filter, kept.typing, type(kept, 'q').done]).toEqual(['bu', false, true]);
  expect(type(kept, ':escape').filter).toBe('');
  expect(type(three, '/', 'b', ':escape')).toMatchObject({ filter: '', typing: false });
  expect(type(three, '/', 'b', '中', ':backspace').filter).toBe('b');
});

it('selects rows, and the selection goes with its container', () => {
  const down = type(three, ':down', ':down');
  expect(down.selected).toBe('web');
  expect(type(down, 'm').selected).toBe('web');
  expect(type(three, 'G').selected).toBe('idle');
  expect(type(three, 'G', 'g', ':up').selected).toBe('burner');
});

it('selects the next one where the selected container has gone', () => {
  const selected = type(three, ':down', 'j');
  const gone = after(selected, { type: 'event', event: exitEvent('web', 'oom') });
  const later = learn(gone, { type: 'stats', stats: [stats('burner', { cpu: 1 }), stats('idle')] }, NOW + 6000);
  expect(later.selected).toBe('idle');
  const one = learn(type(later, ':return'), { type: 'stats', stats: [stats('burner')] }, NOW + 7000);
  expect([one.selected, one.page]).toEqual(['idle', 'details']);
  const none = learn(learn(one, { type: 'stats', stats: [] }, NOW + 8000), { type: 'stats', stats: [] }, NOW + 20_000);
  expect([none.selected, none.page]).toEqual([null, 'table']);
});

it('scrolls no further than the selection needs', () => {
  const many = modelOf([{ type: 'stats', stats: Array.from({ length: 100 }, (_, i) => stats(`c${100 + i}`)) }]);
  const page = type(many, ':pagedown');
  expect([page.selected, page.offset]).toEqual(['c119', 1]);
  expect(type(page, ':up')).toMatchObject({ selected: 'c118', offset: 1 });
  expect(type(many, ':end')).toMatchObject({ selected: 'c199', offset: 81 });
  expect(type(many, ':end', ':pageup', ':pageup')).toMatchObject({ selected: 'c161', offset: 61 });
  expect(type(many, ':end', ':home')).toMatchObject({ selected: 'c100', offset: 0 });
  const small = after(type(many, ':end'), { type: 'screen', screen: { columns: 80, rows: 6, unicode: true } });
  expect(small).toMatchObject({ selected: 'c199', offset: 99 });
});

it('shows what has ended for five seconds, with why', () => {
  const gone = after(three, { type: 'event', event: exitEvent('web', 'lifetime') });
  expect(gone.rows.get('web')).toMatchObject({ state: 'exited', endedAt: NOW, exit: { reason: 'lifetime' } });
  const next = [stats('burner'), stats('idle')];
  expect(ids(learn(gone, { type: 'stats', stats: next }, NOW + 4900))).toContain('web');
  expect(ids(learn(gone, { type: 'stats', stats: next }, NOW + 5100))).not.toContain('web');
});

it('takes a reading that was on its way when the container ended for an old one, and a newer one for a new container', () => {
  const gone = after(three, { type: 'event', event: exitEvent('web', 'lifetime') });
  const late = after(gone, { type: 'stats', stats: [stats('web', { cpu: 0.7 }, NOW - 1)] });
  expect(late.rows.get('web')).toMatchObject({ state: 'exited', cpuHistory: [0.2] });
  const again = after(gone, { type: 'stats', stats: [stats('web', { cpu: 0.7 }, NOW + 1)] });
  expect(again.rows.get('web')).toMatchObject({ state: 'running', endedAt: null, cpuHistory: [0.7] });
});

it('learns why from the list where the event was missed', () => {
  const missing = after(three, { type: 'stats', stats: [stats('burner'), stats('idle')] });
  expect(missing.rows.get('web')).toMatchObject({ state: 'exited', exit: null });
  const exit = { code: 1, signal: null, reason: 'exited' as const, at: new Date(NOW).toISOString() };
  const known = after(missing, { type: 'statuses', statuses: [status('web', {}, { exit })] });
  expect(known.rows.get('web')?.exit).toEqual(exit);
});

it('holds the picture while it is paused', () => {
  const paused = type(three, ' ');
  expect(after(paused, { type: 'stats', stats: [] }).rows.size).toBe(3);
  expect(ids(type(paused, 'a'))).toEqual(['burner', 'idle', 'web']);
  expect(after(type(paused, ' '), { type: 'stats', stats: [stats('new')] }).rows.has('new')).toBe(true);
});

it('knows since when niwad does not answer, and when it does again', () => {
  const lost = learn(learn(three, { type: 'lost' }, NOW + 1000), { type: 'lost' }, NOW + 2000);
  expect([lost.lostSince, lost.rows.size]).toEqual([NOW + 1000, 3]);
  expect(after(lost, { type: 'connected', version: '2.0.0' })).toMatchObject({ lostSince: null, version: '2.0.0' });
});

it('keeps sixty readings of each container', () => {
  const readings = Array.from({ length: 100 }, (_, i) => ({ type: 'stats' as const, stats: [stats('a', { cpu: i })] }));
  const history = modelOf(readings).rows.get('a')?.cpuHistory;
  expect([history?.length, history?.at(0), history?.at(-1)]).toEqual([60, 40, 99]);
});

it('takes the history of the selected container only', () => {
  const open = type(three, ':return');
  expect([open.page, open.selected]).toEqual(['details', 'burner']);
  const point = { at: NOW, cpu: 1, throttled: 0, memory_bytes: 1, rbytes_per_second: 0, wbytes_per_second: 0 };
  expect(after(open, { type: 'history', id: 'web', points: [point] }).history).toEqual([]);
  const known = after(open, { type: 'history', id: 'burner', points: [point] });
  expect(known.history).toEqual([point]);
  expect(type(known, ':down')).toMatchObject({ selected: 'web', history: [], page: 'details' });
  expect(type(known, ':escape').page).toBe('table');
});

it('ends by q and ^C, also while a filter is typed', () => {
  expect(type(three, 'q').done).toBe(true);
  expect(type(three, '/', 'q').done).toBe(false);
});

describe('services', () => {
  const instance = (id: string, name: string) => {
    const one = status(id);
    return { ...one, spec: { ...one.spec, service: { name, revision: 1 } } };
  };
  const model = modelOf([
    { type: 'statuses', statuses: [instance('shop-1', 'shop'), instance('shop-2', 'shop'), status('web')] },
    { type: 'services', services: [serviceOf('shop', { owner: 'alice' }), serviceOf('blog')] },
    {
      type: 'stats',
      stats: [stats('shop-1', { cpu: 0.2 }), stats('web', { cpu: 0.5 }), stats('shop-2', { cpu: 0.4 })],
    },
  ]);

  it('stand above their instances, sorted by their sums', () => {
    expect(ids(model)).toEqual(['shop/', 'shop-2', 'shop-1', 'web', 'blog/']);
    expect(ids(type(model, 'r'))).toEqual(['web', 'shop/', 'shop-1', 'shop-2', 'blog/']);
    const [shop] = model.shown;
    expect(shop && figuresOf(shop, NOW)).toMatchObject({ cpu: expect.closeTo(0.6), memoryBytes: 2 ** 21 });
    expect(model.rows.size).toBe(3);
  });

  it('are found by their owner, and with each instance that is found', () => {
    expect(ids(type(model, '/', ...'alice'))).toEqual(['shop/']);
    expect(ids(type(model, '/', ...'shop-1'))).toEqual(['shop/', 'shop-1']);
  });
});
