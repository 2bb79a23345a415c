import type { Errand } from '../host/errands.js';
import { type Asker, reach } from '../host/reach.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import type { Root, Spec } from '../protocol/resolved-spec.js';
import { parseId } from '../spec/ids.js';
import { invalid, requireNoProblems, show } from '../spec/problems.js';
import { unmappedUser } from '../spec/userns.js';

/** Finds users by name in passwd(5) and group(5) of the container's root. */

const MAX_BYTES = 1024 * 1024;

/** Gives the lines of a file of the root; an empty list where the file is missing. */
export type ReadLines = (path: string) => string[];

/**
 * Gives a function that reads files from layers, as an overlay of the layers would show them.
 * @param layers directories, the topmost first
 */
export function readerOf(layers: readonly string[]): ReadLines {
  return (path) => {
    try {
      return kernel.layers.read(layers, path, MAX_BYTES).toString('utf8').split('\n');
    } catch (error) {
      if (isKernelError(error)) return []; // the file is missing, or may not be read
      throw error;
    }
  };
}

/**
 * Reads the users of a root. If a user of niwa has named the root's directory, its file system may hang. So niwa-reach
 * reads the files, and never niwad itself.
 * @throws what reach() throws
 */
export async function accountsOf({ path, layers }: Root, asker: Asker): Promise<ReadLines> {
  if (path === null || path === '/') return readerOf(layers);
  const files = ['etc/passwd', 'etc/group'];
  const found = await reach(
    asker,
    files.map((file): Errand => ['read', path, file]),
  );
  return (file) => found[files.indexOf(file)]?.body.toString().split('\n') ?? [];
}

/**
 * Finds the ids of `"user"` or `"user:group"`; each part is a name or a number.
 * @returns undefined where a name is not known, or its line has no id
 */
export function lookUpUser(text: string, read: ReadLines): { uid: number; gid: number } | undefined {
  const [user = '', group] = text.split(':');
  const entry = read('etc/passwd')
    .find((line) => line.startsWith(`${user}:`))
    ?.split(':');
  const uid = parseId(user) ?? parseId(entry?.[2]);
  const gid = group === undefined ? parseId(entry?.[3]) : (parseId(group) ?? groupId(group, read));
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/**
 * Writes the user of an image in the form of `process.user`. As in Docker, an empty user means 0, and an empty group
 * means none. A number without a group gets the group of its line in passwd; without such a line, 0.
 * @param text such as `app`, `1000:` or `:2000`
 */
export function userOfImage(text: string, read: ReadLines): string {
  const [given = '', group = ''] = text.split(':');
  const user = given || '0';
  if (group !== '') return `${user}:${group}`;
  const uid = parseId(user);
  return uid === undefined ? user : `${uid}:${groupOfUser(uid, read)}`;
}

/**
 * Gives the group of a user in passwd; "0" without such a line. A group that is no number stays as it is: a later check
 * refuses it.
 */
function groupOfUser(uid: number, read: ReadLines): string {
  const entry = read('etc/passwd')
    .map((line) => line.split(':'))
    .find((fields) => fields.length > 3 && parseId(fields[2]) === uid);
  return entry?.[3] || '0';
}

/**
 * Gives the spec with the user as numbers.
 * @param what names the input in the error
 * @param path the field of the input that has the user, for the error
 * @throws NiwaError SPEC_INVALID where the root does not know the name; what reach() throws
 */
export async function resolveUser(spec: Spec, asker: Asker, what = 'the spec', path = 'process.user'): Promise<Spec> {
  const { user } = spec.process;
  if (user === null) return spec;
  const ids = lookUpUser(user, await accountsOf(spec.root, asker));
  if (ids === undefined) {
    const known = "a number, or a name that the root's /etc/passwd has, and a group of its /etc/group";
    const allowed = spec.root.file === null ? known : 'numbers: names are not looked up in a root.file';
    throw invalid(what, [{ path, found: show(user), allowed }]);
  }
  const { uid, gid } = ids;
  if (spec.userns !== 'host')
    requireNoProblems(
      what,
      [...unmappedUser(spec.userns, uid, gid, user)].map((problem) => ({ ...problem, path })),
    );
  return { ...spec, process: { ...spec.process, user: null, uid, gid } };
}

function groupId(name: string, read: ReadLines): number | undefined {
  return parseId(
    read('etc/group')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':')[2],
  );
}
