import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { unlinkIfThere } from '../host/directory.js';
import { LineFile } from '../host/line-file.js';
import { load, syncDirectory, writeSynced } from '../host/stored-file.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { Service } from '../protocol/resolved-service.js';
import { problemsOf } from '../spec/check.js';
import { parseService } from '../spec/service.js';
import type { HistoryFiles } from './history.js';

const VERSION = 1;
/** The size of a file of a history: a thousand decisions have about 200 KB, 360 minutes of figures 150 KB. */
const HISTORY_FILE_BYTES = 2 ** 18;

const nullable = <T extends ReturnType<typeof Type.Integer | typeof Type.String>>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const Whole = Type.Integer({ minimum: 0 });
const DeclarationSchema = Type.Object({
  version: Type.Literal(VERSION),
  input: Type.Unknown(),
  /** Who has applied it, and whether the files of this machine named this user as a member of niwad's `group` then. */
  caller: Type.Object({
    ...{ uid: Whole, gid: Whole, role: Type.Enum(['full', 'read']) },
    isListed: Type.Optional(Type.Boolean()),
  }),
  createdAt: Type.String(),
  appliedAt: Type.String(),
  revision: Whole,
  replaceBelow: Whole,
  hold: nullable(Whole),
  imageId: nullable(Type.String()),
  isRemoved: Type.Boolean(),
});

/** A service as it was declared, with what has been said about it since. */
export interface Declaration extends Omit<Static<typeof DeclarationSchema>, 'version'> {
  service: Service;
}

/** A file of a service that cannot be used. */
export interface DamagedService {
  name: string;
  reason: string;
  /** Where the file is now; null where it could not be moved. */
  file: string | null;
}

/** The declared services, a file for each in the state directory: they survive a crash and a reboot of the machine. */
export class ServiceStore {
  readonly #directory: string;

  /**
   * @param directory made if it is missing
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string) {
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot make ${directory}: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Writes a service; when this returns, a crash of the machine does not lose it.
   * @throws NiwaError HOST_ERROR; then the file is as before
   */
  save({ service, ...declared }: Declaration): void {
    try {
      writeSynced(this.#fileOf(service.name), Buffer.from(JSON.stringify({ version: VERSION, ...declared })));
    } catch (cause) {
      throw new NiwaError(
        'HOST_ERROR',
        `cannot write service ${service.name}: ${messageOf(cause)}. The state directory has to be writable and to have room.`,
        { cause },
      );
    }
  }

  /** Removes a service. Throws the errors of the file system. */
  remove(name: string): void {
    unlinkIfThere(this.#fileOf(name));
    syncDirectory(this.#directory);
  }

  /**
   * Reads all services. Files that cannot be used are moved to `damaged/` in the directory, for the operator.
   * @throws NiwaError HOST_ERROR where the directory cannot be read: no service must be taken for removed
   */
  async load(): Promise<{ whole: Declaration[]; damaged: DamagedService[] }> {
    const whole: Declaration[] = [];
    const damaged: DamagedService[] = [];
    for (const name of this.#names()) {
      const found = await load(this.#fileOf(name), (text) => parse(name, text));
      if (found.state === 'whole') whole.push(found.value);
      if (found.state === 'damaged') damaged.push({ name, reason: found.reason, file: this.#setAside(name) });
    }
    return { whole, damaged };
  }

  /** Gives the files of the history of a service, which are beside it. */
  historyOf(name: string): HistoryFiles {
    const file = (kind: string) => new LineFile(join(this.#directory, `${name}.${kind}`), HISTORY_FILE_BYTES);
    return { decisions: file('history'), figures: file('figures') };
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory)
        .filter((file) => file.endsWith('.json'))
        .map((file) => file.slice(0, -'.json'.length))
        .sort();
    } catch (cause) {
      throw new NiwaError('HOST_ERROR', `cannot read ${this.#directory}: ${messageOf(cause)}`, { cause });
    }
  }

  #setAside(name: string): string | null {
    const directory = join(this.#directory, 'damaged');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      renameSync(this.#fileOf(name), join(directory, `${name}.json`));
      return join(directory, `${name}.json`);
    } catch {
      return null;
    }
  }

  #fileOf(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}

function parse(name: string, text: string): Declaration {
  const value = JSON.parse(text) as unknown;
  const [problem] = problemsOf(DeclarationSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  const { version: _, ...declared } = value as Static<typeof DeclarationSchema>;
  const service = parseService(declared.input);
  if (service.name !== name) throw new Error(`it is that of service ${service.name}`);
  return { ...declared, service };
}
