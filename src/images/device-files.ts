import type { TarEntry } from './tar/entry.js';
import { plainPath, type translate } from './translate.js';

/** How many device files the warning names. */
const MOST_NAMED = 10;

/**
 * Collects the device files of a layer. None of them is made: a container has its own /dev, and may use no other device
 * of the host. A warning names the device files outside of /dev.
 */
export class DeviceFiles {
  readonly #paths = new Set<string>();
  readonly #named: string[] = [];
  #elsewhere = 0;

  /**
   * Says whether a member is not made: a device file, or a hard link to one.
   * @throws NiwaError IMAGE_INVALID for a path with ".." in it
   */
  leaveOut(made: NonNullable<ReturnType<typeof translate>>, entry: TarEntry): made is 'device' {
    if (made !== 'device' && this.#paths.size === 0) return false;
    const path = plainPath(entry.path);
    const isDevice = made === 'device' || (made.kind === 'link' && this.#paths.has(plainPath(entry.target)));
    if (!isDevice) {
      this.#paths.delete(path);
      return false;
    }
    this.#paths.add(path);
    if (!path.startsWith('dev/')) this.#tell(path);
    return true;
  }

  /** Gives a warning that names the device files outside of /dev; null where there are none. */
  get text(): string | null {
    if (this.#elsewhere === 0) return null;
    const more = this.#elsewhere > this.#named.length ? ', ...' : '';
    return `device files outside of /dev are left out (${this.#elsewhere}): ${this.#named.join(', ')}${more}`;
  }

  #tell(path: string): void {
    this.#elsewhere++;
    if (this.#named.length < MOST_NAMED) this.#named.push(JSON.stringify(path));
  }
}
