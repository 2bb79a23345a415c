import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Static, Type } from 'typebox';
import { removeTree } from '../host/remove-tree.js';
import { loadNow, syncDirectory, writeSynced } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { VOLUME_NAME_PATTERN } from '../protocol/volumes.js';
import { problemsOf } from '../spec/check.js';

const run = promisify(execFile);
const VERSION = 1;
/** How long the size of a volume may take: it may have any number of files. */
const SIZE_PATIENCE_MS = 30_000;

const FileSchema = Type.Object({
  version: Type.Literal(VERSION),
  uid: Type.Integer({ minimum: 0 }),
  createdAt: Type.String(),
  isUsed: Type.Boolean(),
});

/** A volume: who made it, and whether a container has had it already. */
export type Volume = { name: string } & Omit<Static<typeof FileSchema>, 'version'>;

/** The ids of the user who is to write to a new volume. */
export interface Writer {
  uid: number;
  gid: number;
}

/**
 * Volumes, a directory for each: `all/NAME/volume.json` says whose it is, `all/NAME/data` is what containers see. Only
 * root can enter the directory above, so no program in a volume can be started from the host, also none that is setuid.
 * Removed volumes are renamed to `removed/` first.
 */
export class VolumeStore {
  readonly #directory: string;
  readonly #volumes = new Map<string, Volume>();

  /**
   * @param directory made where it is missing
   * @throws NiwaError HOST_ERROR where it cannot be used, or a volume cannot be read: another user must not take it
   */
  constructor(directory: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#directory = realpathSync(directory); // the boot helper follows no links
      for (const kind of ['all', 'removed']) mkdirSync(this.#at(kind), { recursive: true, mode: 0o700 });
      for (const name of readdirSync(this.#at('all'))) this.#load(name);
    } catch (error) {
      if (error instanceof NiwaError) throw error;
      throw new NiwaError('HOST_ERROR', `cannot use the volumes in ${directory}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Removes what was left of removed volumes by a niwad that died. */
  async clean(): Promise<void> {
    for (const name of readdirSync(this.#at('removed'))) await removeTree(this.#at('removed', name));
  }

  list(): Volume[] {
    return [...this.#volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  /** Gives the directory that containers see; it may not exist. */
  pathOf(name: string): string {
    return this.#at('all', name, 'data');
  }

  /**
   * Makes a volume unless it is there. At its first use by a container, its empty directory gets the container's user.
   * @param uid the user whose volume it is
   * @param writer the container's user, by the ids that are on disk; null where no container uses it yet
   * @throws NiwaError FORBIDDEN where another user has it, HOST_ERROR
   */
  ensure(name: string, uid: number, writer: Writer | null): Volume {
    const known = this.#volumes.get(name);
    if (known !== undefined && known.uid !== uid)
      throw new NiwaError('FORBIDDEN', `volume ${name} belongs to user ${known.uid}: take another name`);
    if (known !== undefined && (known.isUsed || writer === null)) return known;
    const createdAt = known?.createdAt ?? new Date().toISOString();
    const volume = { name, uid, createdAt, isUsed: writer !== null };
    try {
      mkdirSync(this.pathOf(name), { recursive: true, mode: 0o755 });
      if (writer !== null) chownSync(this.pathOf(name), writer.uid, writer.gid);
      const { name: _, ...stored } = volume;
      writeSynced(this.#at('all', name, 'volume.json'), Buffer.from(JSON.stringify({ version: VERSION, ...stored })));
      syncDirectory(this.#at('all'));
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot make volume ${name}: ${messageOf(cause)}`, { cause });
    }
    this.#volumes.set(name, volume);
    return volume;
  }

  /** Forgets a volume at once; its files are removed by `rm` later. A failure of that is given to `warn`. */
  remove(name: string, warn: (error: unknown) => void): void {
    const away = this.#at('removed', randomBytes(8).toString('hex'));
    try {
      renameSync(this.#at('all', name), away);
      syncDirectory(this.#at('all'));
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot remove volume ${name}: ${messageOf(cause)}`, { cause });
    }
    this.#volumes.delete(name);
    removeTree(away).catch(warn);
  }

  /** Gives the bytes that a volume takes on disk, counted by du; null where that takes too long, or it has gone. */
  async sizeOf(name: string): Promise<number | null> {
    const args = ['--summarize', '--one-file-system', '--block-size=1', '--', this.pathOf(name)];
    const options = { timeout: SIZE_PATIENCE_MS, killSignal: 'SIGKILL' as const };
    const bytes = await run('du', args, options).then(
      ({ stdout }) => Number(/^[0-9]+/.exec(stdout)?.[0] ?? Number.NaN),
      () => Number.NaN,
    );
    return Number.isSafeInteger(bytes) ? bytes : null;
  }

  #load(name: string): void {
    const path = this.#at('all', name, 'volume.json');
    const found = loadNow(path, (text) => JSON.parse(text) as unknown);
    // niwad died before it had written the file: no container has had the volume
    if (found.state === 'missing') return;
    if (found.state === 'damaged' || problemsOf(FileSchema, found.value).length > 0 || !isName(name))
      throw new NiwaError(
        'HOST_ERROR',
        `cannot use ${path}: it does not say whose volume this is. Put a copy of it back, or move the directory away.`,
      );
    const { version: _, ...stored } = found.value as Static<typeof FileSchema>;
    this.#volumes.set(name, { name, ...stored });
  }

  #at(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }
}

function isName(name: string): boolean {
  return new RegExp(VOLUME_NAME_PATTERN).test(name);
}
