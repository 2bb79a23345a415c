import type { FieldProblem } from '../protocol/errors.js';
import { type PoolInput, PoolInputSchema, type PoolTemplateInput } from '../protocol/pools.js';
import type { SpecInput } from '../protocol/spec.js';
import { problemsOf } from './check.js';
import { requireNoProblems, show } from './problems.js';
import { fieldsOf, templateMeaningProblems } from './service-template.js';

/** A pool as a user writes it. Pure. */

/** The fields of a spec that a template must not have, and what to write in place of them. */
const REFUSED: Record<string, string> = {
  id: 'nothing: each container gets an id of its own, which begins with the name of the pool',
  restart: 'nothing: each container of a pool runs once',
};
const REFUSED_OF_NETWORK: Record<string, string> = {
  ports: 'nothing: several containers exist at once, and only one can have a port of the host; a service has "listen"',
  address: 'nothing: several containers exist at once, and each gets an address of its own',
};

/**
 * Checks a pool. Nothing is asked of the host, and nothing is known of the image of the template.
 * @param input of any shape
 * @param isSaved whether a niwad has taken it before, see meaningProblems()
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parsePool(input: unknown, isSaved = false): PoolInput {
  const refused = [...refusedFields(fieldsOf(input).template)];
  const named = new Set(refused.map(({ path }) => path));
  const others = problemsOf(PoolInputSchema, input).filter(({ path }) => !named.has(path));
  requireNoProblems('the pool', [...refused, ...others]);
  const valid = input as PoolInput;
  requireNoProblems('the pool', templateMeaningProblems(poolSpec(valid.template, 'any'), isSaved));
  return structuredClone(valid);
}

/** Gives the spec of one container of a pool, as a user could have written it. @param id of the container */
export function poolSpec(template: PoolTemplateInput, id: string): SpecInput & { id: string } {
  return { ...template, id };
}

function* refusedFields(template: unknown): Iterable<FieldProblem> {
  const { network, namespaces, ...fields } = fieldsOf(template);
  const problem = (path: string, found: unknown, allowed: string) => ({
    path: `template.${path}`,
    found: show(found),
    allowed,
  });
  for (const [name, allowed] of Object.entries(REFUSED))
    if (fields[name] !== undefined) yield problem(name, fields[name], allowed);
  for (const [name, allowed] of Object.entries(REFUSED_OF_NETWORK))
    if (fieldsOf(network)[name] !== undefined) yield problem(`network.${name}`, fieldsOf(network)[name], allowed);
  const joined = fieldsOf(namespaces).network;
  if (typeof joined === 'string' && joined.startsWith('container:'))
    yield problem('namespaces.network', joined, '"new", "host" or a path: another container may end before the start');
}
