import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errnoOf } from '../kernel/errors.js';
import { asComment, firstRecord, headOf, isFound, namesIn, RECORD_BYTES, recordOf, SWITCHES } from './group-records.js';
import type { Lease } from './lease.js';

/** How many files are written in one turn of the event loop. */
const FILES_PER_TURN = 50;
/** The key of the shared file among the files of a group. No container has it as its id. */
const SHARED = '';

/** A hosts file with records, and the offset of the first one. */
interface HostsFile {
  path: string;
  first: number;
}

/** What is known of one group. */
interface Group {
  /** The file that members without lines of their own share, and by their ids the files of the others. */
  files: Map<string, HostsFile>;
  /** The members, each with the place of its record; null as long as it is not connected, or is not found by its id. */
  places: Map<string, number | null>;
  /** At each place its record; null for a free place. */
  records: (Buffer | null)[];
  /** Resolves when what was begun before is written: a name may not be written after it was taken away. */
  written: Promise<void>;
}

/** A member that an earlier niwad had connected. */
interface Adopted {
  id: string;
  file: string;
  lease: Lease;
}

/**
 * Keeps the hosts files of the containers of a group: each member is found by its id. Members without lines of their
 * own share one file, so that a new member costs one write, whatever the size of the group. Containers read the files
 * through read-only mounts, also while there is no niwad. niwad alone writes them, by their names in its run directory:
 * no path of a container is followed.
 */
export class GroupNames {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #groups = new Map<string, Group>();
  readonly #adopted = new Map<string, Adopted[]>();

  /** @param directory has the shared file of each group, by the name of the group; made where it is missing */
  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  /**
   * Makes the hosts file of a container that is going to join.
   * @param file where the container has the file
   * @param own the lines before the names of the group
   * @param isPlain whether all members with these lines may share a file
   * @throws what node:fs throws
   */
  makeFile(group: string, id: string, { file, own, isPlain }: { file: string; own: string; isPlain: boolean }): void {
    const known = this.#groups.get(group) ?? emptyGroup();
    this.#groups.set(group, known);
    if (!known.places.has(id)) known.places.set(id, null);
    rmSync(file, { force: true }); // one of an earlier run may be the shared file
    if (!isPlain) return void known.files.set(id, makeFile(file, own, known.records));
    const shared = this.#sharedFile(group);
    if (!known.files.has(SHARED)) {
      mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
      rmSync(shared, { force: true });
      known.files.set(SHARED, makeFile(shared, own, known.records));
    }
    linkSync(shared, file);
  }

  /** Adds the name of a container that is connected now to the files of its group, after {@link makeFile}. */
  async join(group: string, id: string, lease: Lease): Promise<void> {
    const known = this.#groups.get(group);
    if (known === undefined || known.places.get(id) !== null || !isFound(id)) return;
    const free = known.records.indexOf(null);
    const place = free < 0 ? known.records.length : free;
    const record = recordOf(id, lease);
    known.records[place] = record;
    known.places.set(id, place);
    await this.#toAll(known, (fd, first) => fill(fd, first + place * RECORD_BYTES, record));
  }

  /** Takes the name of a container away. Removes the group's file with the last member. */
  async leave(group: string, id: string): Promise<void> {
    const known = this.#groups.get(group);
    const place = known?.places.get(id);
    if (known === undefined || place === undefined) return;
    known.files.delete(id);
    known.places.delete(id);
    if (known.places.size === 0) {
      this.#groups.delete(group);
      rmSync(this.#sharedFile(group), { force: true });
    } else if (place !== null) {
      await this.#toAll(known, (fd, first) => switchOff(fd, first + place * RECORD_BYTES));
      known.records[place] = null; // from now on another member may have the place
    }
  }

  /** Takes over a container that an earlier niwad had connected; {@link renew} has to follow. */
  adopt(group: string, adopted: Adopted): void {
    this.#adopted.set(group, [...(this.#adopted.get(group) ?? []), adopted]);
  }

  /**
   * Writes into the files of an earlier niwad who is a member now. A record that is right already is not touched.
   * Removes the files of groups without members.
   */
  async renew(): Promise<void> {
    for (const [group, members] of this.#adopted) {
      const known = this.#takeOver(group, members);
      this.#groups.set(group, known);
      await this.#toAll(known, (fd, first, path) => renewRecords(fd, first, path, known.records));
    }
    this.#adopted.clear();
    for (const group of namesOfFiles(this.#directory))
      if (!this.#groups.has(group)) rmSync(this.#sharedFile(group), { force: true });
  }

  /** Each member keeps the place that it has in the shared file; the others get free places. */
  #takeOver(group: string, members: readonly Adopted[]): Group {
    const known = emptyGroup();
    const shared = this.#sharedFile(group);
    const text = read(shared);
    const first = text === null ? null : firstRecord(text);
    if (first !== null) known.files.set(SHARED, { path: shared, first });
    const before = new Map((text === null ? [] : namesIn(text)).map((name, place) => [name, place]));
    known.records = Array.from({ length: before.size === 0 ? 0 : Math.max(...before.values()) + 1 }, () => null);
    const sharedNumber = inode(shared);
    for (const { id, file, lease } of [...members].sort(
      (a, b) => Number(before.has(b.id)) - Number(before.has(a.id)),
    )) {
      const own = inode(file) === sharedNumber ? null : read(file);
      const start = own === null ? null : firstRecord(own);
      if (start !== null) known.files.set(id, { path: file, first: start });
      known.places.set(id, null);
      if (!isFound(id)) continue;
      const free = before.get(id) ?? known.records.indexOf(null);
      const place = free < 0 ? known.records.length : free;
      known.records[place] = recordOf(id, lease);
      known.places.set(id, place);
    }
    return known;
  }

  #sharedFile(group: string): string {
    return join(this.#directory, group);
  }

  /** Does something to all files of a group, after what was begun before, some in each turn of the event loop. */
  #toAll(group: Group, act: (fd: number, first: number, path: string) => void): Promise<void> {
    group.written = group.written.then(() => this.#toEach(group, act));
    return group.written;
  }

  async #toEach(group: Group, act: (fd: number, first: number, path: string) => void): Promise<void> {
    let count = 0;
    for (const { path, first } of group.files.values()) {
      if (++count % FILES_PER_TURN === 0) await turn();
      try {
        withFile(path, (fd) => act(fd, first, path));
      } catch (error) {
        // a container that has ended takes its file with it
        if (errnoOf(error) !== 'ENOENT')
          this.#log.error({ err: error, path }, 'names of a group are missing in a file');
      }
    }
  }
}

function emptyGroup(): Group {
  return { files: new Map(), places: new Map(), records: [], written: Promise.resolve() };
}

/** Makes a hosts file with the records that there are. */
function makeFile(path: string, own: string, records: readonly (Buffer | null)[]): HostsFile {
  const head = headOf(own);
  writeFileSync(path, Buffer.concat([Buffer.from(head), ...records.map((record) => record ?? NO_RECORD)]), {
    mode: 0o644,
  });
  return { path, first: Buffer.byteLength(head) };
}

const NO_RECORD = asComment(recordOf('', { address: '', address6: null }));

/** Writes a record, as a comment until it is whole. */
function fill(fd: number, at: number, record: Buffer): void {
  writeSync(fd, asComment(record), 0, RECORD_BYTES, at);
  for (const offset of SWITCHES) writeSync(fd, record, offset, 1, at + offset);
}

function switchOff(fd: number, at: number): void {
  for (const offset of SWITCHES) writeSync(fd, NO_RECORD, offset, 1, at + offset);
}

function renewRecords(fd: number, first: number, path: string, records: readonly (Buffer | null)[]): void {
  const text = readFileSync(path);
  const count = Math.max(records.length, Math.ceil((text.length - first) / RECORD_BYTES));
  for (let place = 0; place < count; place++) {
    const record = records[place] ?? NO_RECORD;
    const at = first + place * RECORD_BYTES;
    if (record.equals(text.subarray(at, at + RECORD_BYTES))) continue;
    switchOff(fd, at);
    fill(fd, at, record);
  }
}

function withFile(path: string, act: (fd: number) => void): void {
  const fd = openSync(path, 'r+');
  try {
    act(fd);
  } finally {
    closeSync(fd);
  }
}

function read(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

/** Gives the number of a file's inode; null where there is no such file. */
function inode(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

function namesOfFiles(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
