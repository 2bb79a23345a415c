import fc from 'fast-check';
import { expect, it } from 'vitest';
import { screenOf, wantsColours } from '../../../src/cli/screen.js';
import { type Column, Table } from '../../../src/cli/table.js';
import { widthOf } from '../../../src/cli/text.js';
import { span } from '../../../src/cli/top/line.js';

const columns: Column[] = [
  { heading: 'ID' },
  { heading: 'AGE', right: true, spare: 1 },
  { heading: 'CPU', right: true, spare: 2 },
  { heading: 'COMMAND', least: 9 },
];
const rows = [
  ['web', '1h', '0.5s', 'python3 -m http.server'],
  ['db', '12s', '10s', 'postgres'],
];
const at = (width: number | null) => new Table(columns, rows).text({ columns: width, colours: false }).split('\n');

it('is whole in a pipe, and where it fits', () => {
  const whole = [
    'ID   AGE   CPU  COMMAND', //
    'web   1h  0.5s  python3 -m http.server',
    'db   12s   10s  postgres',
  ];
  expect(at(null)).toEqual(whole);
  expect(at(38)).toEqual(whole);
});

it('cuts what may be cut, then leaves columns out', () => {
  expect(at(30)).toEqual(['ID   AGE   CPU  COMMAND', 'web   1h  0.5s  python3 -m ht…', 'db   12s   10s  postgres']);
  expect(at(24)).toEqual(['ID   AGE  COMMAND', 'web   1h  python3 -m ht…', 'db   12s  postgres']);
  expect(at(14)).toEqual(['ID   COMMAND', 'web  python3 …', 'db   postgres']);
});

it('is never wider than a screen on which its least form fits, whatever the characters', () => {
  const cell = fc.string({ unit: 'grapheme', maxLength: 30 });
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), fc.integer({ min: 14, max: 80 }), (some, width) => {
      const narrow = [
        { heading: 'A', least: 6 },
        { heading: 'B', least: 6 },
      ];
      const lines = new Table(narrow, some).text({ columns: width, colours: false }).split('\n');
      expect(lines).toHaveLength(some.length + 1);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
    }),
  );
});

it('has colours only on a screen that shows them, and lets no other sequence through', () => {
  const table = new Table([{ heading: 'STATE' }, { heading: 'X' }], [[span('exited (1)', 'alarm'), 'a\x1b[2J\nb']]);
  expect(table.text({ columns: null, colours: false })).toBe('STATE       X\nexited (1)  a?[2J?b');
  expect(table.text({ columns: null, colours: true })).toBe('STATE       X\n\x1b[1;31mexited (1)\x1b[0m  a?[2J?b');
});

it('knows what a stream can show', () => {
  const terminal = { isTTY: true, columns: 100 };
  expect(screenOf({ isTTY: false, columns: 100 }, { TERM: 'xterm' })).toEqual({ columns: null, colours: false });
  expect(screenOf(terminal, { TERM: 'xterm' })).toEqual({ columns: 100, colours: true });
  expect(screenOf(terminal, { TERM: 'xterm', NO_COLOR: '1' })).toEqual({ columns: 100, colours: false });
  expect(['xterm-256color', 'dumb', '', 'vt100', 'xterm-m'].map((TERM) => wantsColours({ TERM }))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
