import type { FilterQuery } from '../protocol/queries.js';
import { invalid, show } from './problems.js';

/**
 * Selects containers: those of the owner and of the service (of any where it is undefined) that have all the labels.
 */
export interface Filter {
  owner: string | undefined;
  service: string | undefined;
  labels: ReadonlyMap<string, string>;
}

/**
 * Makes a filter of a query.
 * @throws NiwaError SPEC_INVALID where the query has two different values for the owner or for one label, which no
 * container can fit
 */
export function toFilter({ owner, service, label = [] }: FilterQuery): Filter {
  const labels = new Map<string, string>();
  for (const text of [label].flat()) {
    const equals = text.indexOf('=');
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
    requireOne(`label ${name}`, labels.get(name), value);
    labels.set(name, value);
  }
  return { owner: theOne('owner', owner), service: theOne('service', service), labels };
}

function theOne(path: string, given: string | string[] = []): string | undefined {
  const [first, ...others] = [given].flat();
  for (const other of others) requireOne(path, first, other);
  return first;
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
export function fits(
  { owner, service, labels }: Filter,
  of: { owner: string | null; service?: string | null; labels: Record<string, string> },
): boolean {
  return (
    (owner === undefined || of.owner === owner) &&
    (service === undefined || of.service === service) &&
    [...labels].every(([name, value]) => Object.hasOwn(of.labels, name) && of.labels[name] === value)
  );
}
