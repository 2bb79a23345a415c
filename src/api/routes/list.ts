import { Type } from 'typebox';
import type { Container } from '../../engine/container.js';
import { ContainerStatusSchema } from '../../protocol/container.js';
import { NEXT_HEADER } from '../../protocol/headers.js';
import { ListQuery } from '../../protocol/queries.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import { fits, toFilter } from '../../spec/filter.js';
import { invalid, show } from '../../spec/problems.js';
import type { Api, ApiOptions } from '../api.js';
import { fieldsOf, pick, streamArray } from '../paging.js';
import { failures } from './answers.js';

/** The list of all containers. */
export function listRoutes(api: Api, { runtime }: ApiOptions): void {
  api.get(
    '/v1/containers',
    {
      schema: {
        operationId: 'listContainers',
        summary: 'List containers in the order of their creation',
        description: `With limit, the header ${NEXT_HEADER} has the "after" of the next page. The list is written while it is read: each status is that of the moment in which it is written.`,
        querystring: ListQuery,
        response: { 200: Type.Array(ContainerStatusSchema), ...failures },
      },
    },
    async ({ query }, reply) => {
      const fields = fieldsOf(query.fields, Object.keys(ContainerStatusSchema.properties));
      const fitsStill = wanted(query);
      const { containers, next } = pageOf(runtime.list().filter(fitsStill), query);
      if (next !== null) reply.header(NEXT_HEADER, next);
      return streamArray(reply, textsOf(containers, fitsStill, fields));
    },
  );
}

/**
 * Makes each text only when it is written, so that other requests do not wait for all of them. A container that does
 * not fit the filters any more is left out then.
 */
function* textsOf(
  containers: readonly Container[],
  fitsStill: (container: Container) => boolean,
  fields: readonly string[] | undefined,
): Iterable<string> {
  for (const container of containers)
    if (fitsStill(container))
      yield fields === undefined
        ? container.view.text()
        : JSON.stringify(pick(container.view.statusWith(fields), fields));
}

function wanted({ state, ...query }: ListQuery): (container: Container) => boolean {
  const filter = toFilter(query);
  return (container) =>
    (state === undefined || (state === 'live' ? container.state !== 'exited' : container.state === state)) &&
    fits(filter, ownershipOf(container.spec));
}

function ownershipOf({ owner, service, labels }: Spec) {
  return { owner, service: service?.name ?? null, labels };
}

/** A position in the list. It stays valid when containers come and go, and when niwad restarts. */
type Place = Pick<Container, 'id' | 'createdAt'>;

/**
 * Gives one page of a list, in the order of creation.
 * @returns `next` is the start of the next page; null if this page is the last
 * @throws NiwaError SPEC_INVALID
 */
export function pageOf<T extends Place>(
  list: readonly T[],
  { limit, after }: Pick<ListQuery, 'limit' | 'after'>,
): { containers: T[]; next: string | null } {
  const ordered = list.toSorted(byCreation);
  const last = after === undefined ? undefined : readPlace(after);
  const rest = last === undefined ? ordered : ordered.filter((container) => byCreation(container, last) > 0);
  if (limit === undefined || rest.length <= limit) return { containers: rest, next: null };
  const containers = rest.slice(0, limit);
  return { containers, next: writePlace(containers[limit - 1] as T) };
}

function byCreation(a: Place, b: Place): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : Number(a.id > b.id));
}

function writePlace({ id, createdAt }: Place): string {
  return `${createdAt.getTime()}:${id}`;
}

function readPlace(text: string): Place {
  const [, time, id] = /^([0-9]{1,15}):(.+)$/.exec(text) ?? [];
  if (time === undefined || id === undefined)
    throw invalid('the request', [
      { path: 'after', found: show(text), allowed: `what the header ${NEXT_HEADER} of the page before said` },
    ]);
  return { id, createdAt: new Date(Number(time)) };
}
