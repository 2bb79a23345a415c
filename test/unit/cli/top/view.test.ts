import { expect, it } from 'vitest';
import { widthOf } from '../../../../src/cli/text.js';
import { frame, paint } from '../../../../src/cli/top/ansi.js';
import { HELP } from '../../../../src/cli/top/help.js';
import { span, spread, textOf } from '../../../../src/cli/top/line.js';
import { learn, type Model } from '../../../../src/cli/top/model.js';
import { plainText, view } from '../../../../src/cli/top/view.js';
import { instanceOf, serviceOf } from '../../services-samples.js';
import { after, exitEvent, modelOf, NOW, stats, status, type } from './samples.js';

const limits = { cpu: { max: 0.5 }, memory: { max: '128M' } };
const news = (received?: number) => [
  {
    type: 'statuses' as const,
    statuses: [
      status('web', { owner: 'alice', resources: limits, lifetime: '2h' }, { leftMs: 3_720_000 }),
      status('a-very-long-name-of-a-container-that-somebody-chose', { owner: '中文所有者中文所有者\u009b2J' }),
    ],
  },
  {
    type: 'stats' as const,
    stats: [
      stats('web', {
        cpu: 0.25,
        throttled: 0.12,
        memory: 100 * 2 ** 20,
        read: 2048,
        written: 5 * 2 ** 20,
        pressure: [12, 0, 3],
        ...(received === undefined ? {} : { received }),
      }),
      stats('a-very-long-name-of-a-container-that-somebody-chose', { memory: null, state: 'paused' }),
    ],
  },
];
const on = (columns: number, received?: number) => modelOf(news(received), { columns, rows: 24, unicode: true });
const lines = (model: Model) => view(model).map(textOf);

it.for([10, 40, 80, 100, 120, 200])('fills a terminal of %d columns and 24 lines exactly', (columns) => {
  for (const received of [undefined, 1024])
    for (const keys of [[], [':down'], [':return'], ['h'], ['/', '中'], [' ']]) {
      const shown = lines(type(on(columns, received), ...keys));
      expect(shown).toHaveLength(24);
      expect(shown.map(widthOf)).toEqual(Array.from({ length: 24 }, () => columns));
    }
});

it('has all columns but names on 80 columns', () => {
  const [title, counts, totals, headings, web, long] = lines(on(80));
  expect(title).toMatch(/^niwa top {2}node1 {2}niwad 1\.2\.3 +\d\d:\d\d:\d\d$/);
  expect(counts?.trimEnd()).toBe('2 containers: 1 running, 1 paused');
  expect(totals?.trimEnd()).toBe('cpu 25% of 400%  memory 100M of 8.0G  rd/s 2.0K  wr/s 5.0M');
  expect(headings?.split(/ +/).slice(0, 3)).toEqual(['ID', 'S', 'CPU%/MAX']);
  expect(headings).toMatch(/THR% .*TREND +MEM\/MAX RD\/s WR\/s PSI c\/m\/i +LEFT/);
  expect(web).toMatch(/^web +R +25\/50 +12 +▄ 100M\/128M 2\.0K 5\.0M +12\/0\/3 +1h02m *$/);
  expect(long).toMatch(/^a-very-long-nam… P +0 +0 +▁ +- +0 +0 +0\/0\/0 +- *$/);
});

it('has the network where the host counts it', () => {
  expect(lines(on(80))[3]).not.toContain('RX/s');
  const [, , totals, headings, web] = lines(on(80, 3000));
  expect(totals).toContain('rx/s 2.9K  tx/s 0');
  expect(headings).toMatch(/WR\/s RX\/s TX\/s +PSI% +LEFT/);
  expect(web).toMatch(/2\.0K 5\.0M 2\.9K {4}0 +12 +1h02m/);
});

it('has owner, states and commands where there is room, and cuts them safely', () => {
  const [, , , headings, web, long] = lines(on(200));
  expect(headings).toMatch(/STATE .* OWNER +COMMAND/);
  expect(web).toMatch(/^web +running .* alice +sleep 1000 *$/);
  expect(long).toMatch(
    /^a-very-long-name-of-a-container-that-somebody-chose paused .* 中文所有者中文所有者\?2J +sleep 1000/,
  );
  expect(lines(on(100))[5]).not.toContain('\u009b');
});

it('keeps to ASCII where the terminal has nothing else', () => {
  const shown = lines(
    modelOf(
      news().map((one) => one),
      { columns: 80, rows: 24, unicode: false },
    ),
  );
  expect(shown.join('')).toMatch(/^[ -~]*$/);
});

it('says in one line that niwad is away, and keeps the figures', () => {
  const away = lines(learn(learn(on(80), { type: 'lost' }, NOW), { type: 'tick' }, NOW + 3000));
  expect(away[1]).toContain('niwad has not answered for 3s: trying again');
  expect(away[4]).toMatch(/^web /);
});

it('says what is paused, drained and filtered', () => {
  const drain = { draining: true, remaining: 2, ends_at: null, without_lifetime: [] };
  const shown = lines(type(after(on(80), { type: 'drain', drain }), '/', 'w', 'e', ':return', ' '));
  expect(shown[0]).toMatch(/PAUSED {2}DRAINING {2}\d\d:/);
  expect(shown[1]).toContain('filter "we": 1 shown');
  expect(lines(type(on(80), '/', 'w', 'e'))[23]).toMatch(/^filter: we {4}enter keep {2}esc clear/);
  expect(lines(type(on(80), '/', 'x'))[4]).toContain('none of 2 containers has "x"');
});

it('shows what has ended dimmed, with why', () => {
  const ended = after(on(200), { type: 'event', event: exitEvent('web', 'oom') });
  const line = view(ended).find((one) => textOf(one).startsWith('web'));
  expect(line?.every(({ style, text }) => style === 'dim' || text.trim() === '')).toBe(true);
  expect(textOf(line ?? [])).toMatch(/^web +oom .* ended /);
});

it('warns by colour of what comes near its limit', () => {
  const styles = (use: object) => {
    const model = modelOf([
      { type: 'statuses', statuses: [status('a', { resources: limits }, { leftMs: 30_000 })] },
      { type: 'stats', stats: [stats('a', use)] },
    ]);
    const row = view(model)[4] ?? [];
    return row.filter(({ text }) => text.trim() !== '').map(({ text, style }) => `${text.trim()} ${style}`);
  };
  expect(styles({ cpu: 0.1, memory: 2 ** 20 })).toEqual(expect.arrayContaining(['10/50 plain', '30s warning']));
  expect(styles({ cpu: 0.49, throttled: 0.1, memory: 110 * 2 ** 20, pressure: [50, 0, 0] })).toEqual(
    expect.arrayContaining(['49/50 warning', '10 warning', '110M/128M warning', '50/0/0 alarm']),
  );
});

it('shows one container in detail', () => {
  const points = Array.from({ length: 60 }, (_, i) => ({
    at: NOW,
    cpu: i / 120,
    throttled: 0,
    memory_bytes: 2 ** 20 * i,
    rbytes_per_second: 0,
    wbytes_per_second: 0,
  }));
  const open = after(type(on(80), ':return'), { type: 'history', id: 'web', points });
  const shown = lines(open).map((line) => line.trimEnd());
  expect(shown.slice(4, 11)).toEqual([
    'web  running  pid 42',
    'command  sleep 1000',
    'owner    alice   labels -',
    'started  1m00s ago   left 1h02m   cpu time 1s   throttled 0ms',
    'limits   cpu 0.5   memory 128.0M',
    'memory   peak 100.0M   oom kills 0   pids 1',
    'waited   cpu 12%  memory 0%  io 3%  (some process, of the last 10 s)',
  ]);
  expect(shown.slice(11)).toEqual(
    expect.arrayContaining([
      'cpu 25% of 50%',
      'throttled 12%',
      'memory 100.0M of 128.0M',
      expect.stringMatching(/█{5}$/),
    ]),
  );
});

it('has help that fits on 80 columns and 24 lines', () => {
  expect(Math.max(...HELP.map(widthOf))).toBeLessThanOrEqual(80);
  expect(lines(type(on(80), 'h')).map((line) => line.trimEnd())).toEqual(expect.arrayContaining([...HELP]));
});

it('is a table without escapes and cuts in a pipe', () => {
  const text = plainText(on(80));
  expect(text).not.toContain('\x1b');
  expect(text.split('\n').slice(3)).toEqual([
    expect.stringMatching(/^ID +STATE +CPU%\/MAX THR% +MEM\/MAX RD\/s WR\/s PSI c\/m\/i +LEFT OWNER +COMMAND$/),
    expect.stringMatching(/^web +running +25\/50 +12 100M\/128M 2\.0K 5\.0M +12\/0\/3 +1h02m alice +sleep 1000$/),
    expect.stringMatching(/^a-very-long-name-of-a-container-that-somebody-chose paused /),
  ]);
});

it('makes a frame of a thousand containers quickly', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `container-${i}`);
  const model = modelOf([
    { type: 'statuses', statuses: ids.map((id) => status(id, { owner: `owner-${id}`, resources: limits })) },
    { type: 'stats', stats: ids.map((id, i) => stats(id, { cpu: i / 1000 })) },
  ]);
  const readings = ids.map((id, i) => stats(id, { cpu: 1 - i / 1000 }));
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now();
    view(after(model, { type: 'stats', stats: readings }));
    return performance.now() - start;
  }).sort((a, b) => a - b);
  console.log(`a frame of 1,000 containers takes ${times[10]?.toFixed(1)} ms`);
  expect(times[10]).toBeLessThan(100);
});

it('paints with colours only where they are wanted, and gives way on the left', () => {
  const line = [span('a'), span('b', 'alarm'), span('c', 'heading')];
  expect(paint(line, true)).toBe('a\x1b[1;31mb\x1b[0m\x1b[7mc\x1b[0m');
  expect(paint(line, false)).toBe('a\x1b[1mb\x1b[0m\x1b[7mc\x1b[0m');
  expect(textOf(spread([span('abcdef')], [span('xy')], 5))).toBe('abcxy');
  expect(frame([[span('a')], [span('b')]], false)).toBe('\x1b[?2026h\x1b[Ha\r\nb\x1b[?2026l');
});

it('shows a service with its state, its slots and its addresses, and its details', () => {
  const one = status('shop-1');
  const instance = { ...one, spec: { ...one.spec, service: { name: 'shop', revision: 1 } } };
  const counters = { ...serviceOf('shop').counters, connections: 12, refused: { 'queue-full': 3 } };
  const services = [serviceOf('shop', { state: 'serving', slots: 4, instances: [instanceOf('shop-1')], counters })];
  const model = modelOf(
    [
      { type: 'statuses', statuses: [instance] },
      { type: 'services', services },
      { type: 'stats', stats: [stats('shop-1', { cpu: 0.25 })] },
    ],
    { columns: 160, rows: 24, unicode: false },
  );
  expect(lines(model).slice(4, 6)).toEqual([
    expect.stringMatching(/^shop\/ +1\/4 serving +25 .* 0\.0\.0\.0:8080 *$/),
    expect.stringMatching(/^ {2}shop-1 +running +25 .* sleep 1000 *$/),
  ]);
  const details = lines(type(model, ':return')).join('\n');
  expect(details).toContain('slots     4   instances 1 routed');
  expect(details).toContain('refused   queue-full 3   failures none');
});
