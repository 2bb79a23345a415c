import { tableHeight } from './layout.js';
import { arranged, type Model } from './model.js';
import type { SortKey } from './order.js';

/** A key, with the name that Node.js's readline gives it. */
export interface Key {
  name?: string | undefined;
  /** The text that the key types; undefined if it types none. */
  text?: string | undefined;
  ctrl?: boolean | undefined;
}

/** The keys that change the sorting. */
export const SORT_BY: Readonly<Record<string, SortKey>> = {
  c: 'cpu',
  m: 'memory',
  i: 'io',
  n: 'network',
  p: 'pressure',
  t: 'throttled',
  l: 'left',
  a: 'id',
};

/** Gives the model after a key was pressed. */
export function press(model: Model, key: Key): Model {
  if (key.ctrl && key.name === 'c') return { ...model, done: true };
  if (model.typing) return typed(model, key);
  if (key.text === 'q') return { ...model, done: true };
  if (key.text === 'h' || key.text === '?') return { ...model, page: model.page === 'help' ? 'table' : 'help' };
  if (key.text === ' ') return { ...model, paused: !model.paused };
  if (key.name === 'escape') return model.page === 'table' ? filtered(model, '') : { ...model, page: 'table' };
  if (key.name === 'return' || key.name === 'enter') return opened(model);
  return moved(model, key) ?? sorted(model, key);
}

function typed(model: Model, { name, text, ctrl }: Key): Model {
  if (name === 'escape') return { ...filtered(model, ''), typing: false };
  if (name === 'return' || name === 'enter') return { ...model, typing: false };
  if (name === 'backspace') return filtered(model, [...model.filter].slice(0, -1).join(''));
  if (ctrl && name === 'u') return filtered(model, '');
  return text === undefined || ctrl || /\p{Cc}/u.test(text) ? model : filtered(model, model.filter + text);
}

function filtered(model: Model, filter: string): Model {
  return arranged({ ...model, filter, offset: 0 });
}

/**
 * Enter opens the details of the selected container, or of the first one if none is selected. On another page, Enter
 * goes back to the table.
 */
function opened(model: Model): Model {
  if (model.page !== 'table') return { ...model, page: 'table' };
  const selected = model.selected ?? model.shown[0]?.id ?? null;
  return selected === null ? model : { ...arranged({ ...model, selected }), page: 'details', history: [] };
}

/** Moves the selection, also on the page of details; undefined if the key does not move it. */
function moved(model: Model, { name, text }: Key): Model | undefined {
  const page = tableHeight(model.screen);
  const at = model.shown.findIndex(({ id }) => id === model.selected);
  const steps: Record<string, number> = {
    up: at - 1,
    k: at - 1,
    down: at + 1,
    j: at + 1,
    pageup: at - page,
    pagedown: Math.max(at, 0) + page,
    home: 0,
    g: 0,
    end: model.shown.length - 1,
    G: model.shown.length - 1,
  };
  const target = steps[text ?? ''] ?? steps[name ?? ''];
  if (target === undefined) return undefined;
  const selected = model.shown[Math.max(0, Math.min(target, model.shown.length - 1))]?.id ?? null;
  return arranged({ ...model, selected, history: selected === model.selected ? model.history : [] });
}

function sorted(model: Model, { text }: Key): Model {
  if (text === '/') return { ...model, typing: true, page: 'table' };
  if (text === 'r') return arranged({ ...model, reverse: !model.reverse });
  const sort = SORT_BY[text ?? ''];
  return sort === undefined ? model : arranged({ ...model, sort, reverse: false });
}
