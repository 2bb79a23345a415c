import { readFile } from 'node:fs/promises';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { User } from './allowed.js';

/** The texts of /etc/passwd and /etc/group. */
export interface UserFiles {
  passwd: string;
  group: string;
}

/**
 * Whether the files of a machine make a user a member of a group: as the user's primary group, or by the list of its
 * members, see passwd(5) and group(5). Pure.
 */
export function isListed(uid: number, gid: number, { passwd, group }: UserFiles): boolean {
  const users = [...passwd.matchAll(new RegExp(`^([^:\\n]*):[^:\\n]*:${uid}:(\\d+):`, 'gm'))];
  if (users.some(([, , primary]) => primary === `${gid}`)) return true;
  const groups = [...group.matchAll(new RegExp(`^[^:\\n]*:[^:\\n]*:${gid}:(.*)$`, 'gm'))];
  const members = groups.flatMap(([, names = '']) => names.split(','));
  return users.some(([, name = '']) => name !== '' && members.includes(name));
}

/**
 * The users who may act by `group` of niwad's configuration. For a request the kernel says which groups its process
 * has; for what a user has left behind (a service), the files of the machine are asked. A directory service is not
 * asked, since it may not answer.
 */
export class Membership {
  readonly #group: number | null;
  readonly #read: () => Promise<UserFiles>;

  /** @param group null where the configuration names none */
  constructor(group: number | null, read: () => Promise<UserFiles> = readUserFiles) {
    this.#group = group;
    this.#read = read;
  }

  /** Whether the files name a user as a member of the group; of root they say nothing. @throws NiwaError HOST_ERROR */
  async has({ uid }: User): Promise<boolean> {
    return uid !== 0 && this.#group !== null && isListed(uid, this.#group, await this.#read());
  }

  /**
   * Throws if the files have named a user as a member, and do not any more. A user whom they never named is a member by
   * something else, such as SupplementaryGroups= of systemd or a directory service, and stays one.
   * @param wasListed what {@link has} has said before
   * @throws NiwaError FORBIDDEN, HOST_ERROR
   */
  async requireStill(user: User, wasListed: boolean): Promise<void> {
    if (!wasListed || (await this.has(user))) return;
    throw new NiwaError(
      'FORBIDDEN',
      `user ${user.uid} is no member of "group" of niwad's configuration any more: add the user to the group again, or let root create it (a service: apply it)`,
    );
  }
}

async function readUserFiles(): Promise<UserFiles> {
  try {
    const [passwd, group] = await Promise.all(['passwd', 'group'].map((name) => readFile(`/etc/${name}`, 'utf8')));
    return { passwd: passwd ?? '', group: group ?? '' };
  } catch (cause) {
    throw new NiwaError('HOST_ERROR', `cannot read the users of this host: ${messageOf(cause)}`, { cause });
  }
}
