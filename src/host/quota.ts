import { constants } from 'node:os';
import { NiwaError } from '../errors.js';
import { errnoName, native } from '../native.js';
import type { Overlay } from '../spec/spec.js';

const { EOPNOTSUPP, ENOTTY, ENOSYS, ESRCH } = constants.errno;
const NO_QUOTA: number[] = [EOPNOTSUPP, ENOTTY, ENOSYS, ESRCH];

/**
 * Bounds the directory that keeps what is written over a root, if there is one, to its size. Without a size, a bound that was
 * left there is taken away.
 * @throws NiwaError HOST_UNSUPPORTED where its file system has no project quota, HOST_ERROR where it refuses
 */
export function limitKept(overlay: Overlay | null): void {
  if (overlay === null || overlay.directory === null) return;
  const errno = native.limitDirectory(overlay.directory, overlay.sizeBytes ?? 0);
  if (errno === 0) return;
  const refused = `${overlay.directory} cannot be bounded to ${overlay.sizeBytes} bytes: ${errnoName(errno)}`;
  if (NO_QUOTA.includes(errno))
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      `${refused}. Its file system has no project quota: mount it with the option prjquota (ext4 needs "tune2fs -O project,quota" first), or leave root.overlay.size out.`,
    );
  throw new NiwaError('HOST_ERROR', `${refused}. It has to be a directory, and so have upper and work in it.`);
}

/** Takes the bound away at the end; gives the errno. */
export function unlimitKept(overlay: Overlay | null): number {
  return overlay === null || overlay.directory === null || overlay.sizeBytes === null
    ? 0
    : native.limitDirectory(overlay.directory, 0);
}
