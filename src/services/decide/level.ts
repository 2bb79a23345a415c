import { formatDuration } from '../../protocol/units.js';
import { type Draft, type Level, serving } from './draft.js';
import { noteBusy, quietLevel } from './idle.js';
import { scaledLevel } from './scale.js';

/**
 * Decides how many instances shall serve. The first rule that applies: a removed service has none; a held one has what
 * it holds, at most its slots; requests that wait need one at least; a quiet service needs its minimum; else throttled
 * time decides. Of a service without any instance, the next request decides.
 */
export function decideLevel(draft: Draft): void {
  noteBusy(draft);
  draft.level = wantedLevel(draft);
}

function wantedLevel(draft: Draft): Level {
  const { isRemoved, hold, waiting, service } = draft.situation;
  if (isRemoved) return { count: 0, cause: 'removed', why: 'the service was removed' };
  if (hold !== null) return { count: Math.min(hold, service.slots), cause: 'held', why: `it is held at ${hold}` };
  const there = positions(draft);
  const before = there === 0 ? 0 : (draft.memory.level ?? there);
  const least = Math.min(service.minInstances, service.slots);
  const count = Math.min(service.slots, Math.max(before, least, waiting ? 1 : 0));
  if (waiting && count > before) {
    const waited = formatDuration(draft.nowUsec - waiting.sinceUsec);
    return { count, cause: 'scale-in', why: `requests have waited for ${waited}, and nothing serves` };
  }
  const why = count > before ? `minInstances is ${least}` : `${before} of ${service.slots} slots shall serve`;
  const kept: Level = { count, cause: 'scale-in', why };
  return quietLevel(draft, kept, there) ?? scaledLevel(draft, kept);
}

/** How many instances serve or will, where one and its successor count once. */
function positions(draft: Draft): number {
  const all = serving(draft);
  const ids = new Set(all.map(({ id }) => id));
  return all.filter(({ replaces }) => replaces === null || !ids.has(replaces)).length;
}
