import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import type { IdRange } from '../host/id-pool.js';
import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import { IDS_PER_CONTAINER, LAST_ID, parseId } from '../spec/ids.js';
import { show } from '../spec/problems.js';

/** The lowest id of a range: lower ids are those of the system's own users. */
const FIRST_ID = 1000;
/** The user nobody: the kernel shows ids that cannot be mapped as this id. */
const NOBODY = 65534;

/** The setting `allow.idRanges`: for each user, the ids that the files of the user's containers have on disk. */
export const IdRanges = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$' }),
  Type.Object(
    {
      start: Type.Integer({ minimum: FIRST_ID, maximum: LAST_ID, description: `an id from ${FIRST_ID} on` }),
      count: Type.Integer({ minimum: 1, maximum: IDS_PER_CONTAINER, description: 'how many, 1 to 65536' }),
    },
    { additionalProperties: false, description: '{"start": ID, "count": NUMBER}' },
  ),
  { description: '{USER: {"start": ID, "count": NUMBER}}, users by name or number' },
);

/**
 * Finds ranges that are each valid, but share an id with another range, with the pool of the containers, or with
 * nobody.
 */
export function* rangeProblems(
  ranges: Static<typeof IdRanges>,
  pool: { start: number; count: number },
): Iterable<FieldProblem> {
  const taken = [
    { what: 'idPool', start: pool.start, count: pool.count * IDS_PER_CONTAINER },
    { what: 'nobody', start: NOBODY, count: 1 },
  ];
  for (const [user, range] of Object.entries(ranges)) {
    const path = `allow.idRanges.${user}`;
    const other = taken.find(({ start, count }) => range.start < start + count && start < range.start + range.count);
    if (other !== undefined) yield { path, found: show(range), allowed: `ids that ${other.what} has not` };
    if (range.start + range.count - 1 > LAST_ID) yield { path, found: show(range), allowed: `ids up to ${LAST_ID}` };
    taken.push({ what: `user ${user}`, ...range });
  }
}

/**
 * Gives each range by the number of its user.
 * @throws NiwaError HOST_ERROR where /etc/passwd does not have a name, where a user has two ranges, or where the user
 * is root
 */
export function idRangesOf(ranges: Static<typeof IdRanges>): Map<number, IdRange> {
  const found = new Map<number, IdRange>();
  for (const [user, { start, count }] of Object.entries(ranges)) {
    const uid = userNumber(user);
    if (uid === 0 || found.has(uid))
      throw new NiwaError(
        'HOST_ERROR',
        `allow.idRanges.${user} of the configuration: ${uid === 0 ? 'root has all ids' : 'this user has a range already, by another name'}; leave it out`,
      );
    found.set(uid, { start, size: count });
  }
  return found;
}

function userNumber(user: string): number {
  const number = parseId(user);
  if (number !== undefined) return number;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const uid = parseId(line?.split(':')[2]);
  if (uid === undefined)
    throw new NiwaError(
      'HOST_ERROR',
      `the user "${user}" of allow.idRanges is not in /etc/passwd: make it with useradd, or name a number`,
    );
  return uid;
}
