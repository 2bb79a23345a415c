import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keptBriefly } from '../../../src/api/json.js';
import type { Container } from '../../../src/engine/container.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function textOf(...[runtime, make]: Parameters<typeof keptBriefly>): (container: Container) => string {
  const text = keptBriefly(runtime, make);
  return (container) => text(container).toString();
}

/** A container that shows how often it was read, and what its text is made of besides. */
function readable(name: string) {
  let readings = 0;
  const shown = { state: 'running' };
  const container = { view: { marks: () => [shown.state] }, name } as unknown as Container;
  return { container, shown, read: () => JSON.stringify({ name, reading: ++readings, state: shown.state }) };
}

test('a text serves all who ask within 20 ms, and is made anew for who asks later', () => {
  const { container, read } = readable('a');
  const text = textOf({ events: { last: 7 } }, read);
  const first = '{"name":"a","reading":1,"state":"running"}';
  expect([text(container), text(container)]).toEqual([first, first]);
  vi.advanceTimersByTime(19);
  expect(text(container)).toBe(first);
  vi.advanceTimersByTime(1);
  expect(text(container)).toBe('{"name":"a","reading":2,"state":"running"}');
});

test('each container has a text of its own, whose age counts from its reading', () => {
  const [one, two] = [readable('a'), readable('b')];
  const text = textOf({ events: { last: 7 } }, (of) => (of === one.container ? one : two).read());
  text(one.container);
  vi.advanceTimersByTime(15);
  expect(text(two.container)).toBe('{"name":"b","reading":1,"state":"running"}');
  vi.advanceTimersByTime(15);
  expect(text(one.container)).toBe('{"name":"a","reading":2,"state":"running"}');
});

test('what niwad changes or tells shows at once', () => {
  const { container, shown, read } = readable('a');
  const events = { last: 7 };
  const text = textOf({ events }, read);
  text(container);
  shown.state = 'paused';
  expect(text(container)).toBe('{"name":"a","reading":2,"state":"paused"}');
  events.last++;
  expect(text(container)).toBe('{"name":"a","reading":3,"state":"paused"}');
});

test('what cannot be made is tried again', () => {
  const { container, read } = readable('a');
  const failing = vi.fn(read).mockImplementationOnce(() => {
    throw new Error('gone');
  });
  const text = textOf({ events: { last: 7 } }, failing);
  expect(() => text(container)).toThrow('gone');
  expect(text(container)).toBe('{"name":"a","reading":1,"state":"running"}');
});
