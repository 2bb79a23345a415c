import { constants } from 'node:os';
import { errnoName } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';
import type { Overlay } from '../protocol/resolved-spec.js';
import { type Asker, reach } from './reach.js';

const { EOPNOTSUPP, ENOTTY, ENOSYS, ESRCH } = constants.errno;
const NO_QUOTA: number[] = [EOPNOTSUPP, ENOTTY, ENOSYS, ESRCH];

/**
 * Limits the directory that keeps the changes of a container's root (kept overlay) to the size in the spec. Where the
 * spec has no size, the limit that an earlier container has left there is removed. Without such a directory nothing is
 * done.
 * @throws NiwaError HOST_UNSUPPORTED where its file system has no project quota, HOST_ERROR where it refuses; what
 * reach() throws
 */
export async function limitKept(overlay: Overlay | null, asker: Asker): Promise<void> {
  if (overlay === null || overlay.directory === null) return;
  const errno = await limit(overlay.directory, overlay.sizeBytes ?? 0, asker);
  if (errno === 0) return;
  const refused = `${overlay.directory} cannot be bounded to ${overlay.sizeBytes} bytes: ${errnoName(errno)}`;
  if (NO_QUOTA.includes(errno))
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      `${refused}. Its file system has no project quota: mount it with the option prjquota (ext4 needs "tune2fs -O project,quota" first), or leave root.overlay.size out.`,
    );
  throw new NiwaError('HOST_ERROR', `${refused}. It has to be a directory, and so have upper and work in it.`);
}

/** Removes the limit when the container ends; gives the errno, 0 for success. @throws what reach() throws */
export async function unlimitKept(overlay: Overlay | null, asker: Asker): Promise<number> {
  return overlay === null || overlay.directory === null || overlay.sizeBytes === null
    ? 0
    : limit(overlay.directory, 0, asker);
}

async function limit(directory: string, bytes: number, asker: Asker): Promise<number> {
  const [found] = await reach(asker, [['limit', directory, String(bytes)]]);
  return found?.errno ?? 0;
}
