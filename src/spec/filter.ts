import type { FilterQuery } from '../protocol/queries.js';
import { invalid, show } from './problems.js';

/** Selects containers: those of the owner (of any owner where it is undefined) that have all the labels. */
export interface Filter {
  owner: string | undefined;
  labels: ReadonlyMap<string, string>;
}

/**
 * Makes a filter of a query.
 * @throws NiwaError SPEC_INVALID where the query has two different values for the owner or for one label, which no
 * container can fit
 */
export function toFilter({ owner = [], label = [] }: FilterQuery): Filter {
  const labels = new Map<string, string>();
  for (const text of [label].flat()) {
    const equals = text.indexOf('=');
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
    requireOne(`label ${name}`, labels.get(name), value);
    labels.set(name, value);
  }
  const [first, ...others] = [owner].flat();
  for (const other of others) requireOne('owner', first, other);
  return { owner: first, labels };
}

function requireOne(path: string, known: string | undefined, value: string): void {
  if (known === undefined || known === value) return;
  throw invalid('the filter', [
    {
      path,
      found: `${show(known)} and ${show(value)}`,
      allowed: 'one value: no container has two, and all have to fit',
    },
  ]);
}

/** Says whether a container fits a filter. */
export function fits({ owner, labels }: Filter, of: { owner: string | null; labels: Record<string, string> }): boolean {
  return (
    (owner === undefined || of.owner === owner) &&
    [...labels].every(([name, value]) => Object.hasOwn(of.labels, name) && of.labels[name] === value)
  );
}
