import type { Spec } from '../protocol/resolved-spec.js';

/**
 * The JSON of settled specs. A start needs it three times, for the key of its plan, for its first state and for its
 * answer, and it is the longest part of each.
 */

/** What {@link restOf} gave for specs of which the text is kept anyway, with the template of their plan. */
const kept = new WeakMap<Spec, string>();

/** Gives the JSON of a spec without its braces, its id and its host name: the same for each start of one spec. */
export function restOf(spec: Spec): string {
  const known = kept.get(spec);
  if (known !== undefined) return known;
  const rest: Partial<Record<keyof Spec, unknown>> = { ...spec };
  rest.id = undefined; // behind a spread in the literal, V8 would take many times as long for a field
  rest.hostname = undefined;
  return JSON.stringify(rest).slice(1, -1);
}

/** Keeps the text of a spec. @param rest what {@link restOf} gives: one text that many specs share */
export function keepRest(spec: Spec, rest: string): void {
  kept.set(spec, rest);
}

/** Gives the JSON of a spec. */
export function specText(spec: Spec): string {
  return kept.has(spec)
    ? `{"id":${JSON.stringify(spec.id)},"hostname":${JSON.stringify(spec.hostname)},${restOf(spec)}}`
    : JSON.stringify(spec);
}
