import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { oncePerTurn } from '../../../src/api/json.js';

test('a text is made once for all who ask in one turn of the event loop, and anew in the next', async () => {
  let readings = 0;
  const text = oncePerTurn((name: string) => JSON.stringify({ name, reading: ++readings }));
  const first = '{"name":"a","reading":1}';
  expect([text('a'), text('a')]).toEqual([first, first]);
  await null; // what goes on by a promise goes on in the same turn
  expect(text('a')).toBe(first);
  expect(text('b')).toBe('{"name":"b","reading":2}');
  await nextTurn();
  expect(text('a')).toBe('{"name":"a","reading":3}');
});

test('what cannot be made is tried again', () => {
  let readings = 0;
  const text = oncePerTurn(() => {
    if (++readings === 1) throw new Error('gone');
    return JSON.stringify({ readings });
  });
  expect(() => text(0)).toThrow('gone');
  expect(text(0)).toBe('{"readings":2}');
});
