import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { LineFile } from '../host/line-file.js';
import { type DamagedRecord, StoredRecords } from '../host/stored-records.js';
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

/** The declared services, a file for each in the state directory. */
export class ServiceStore {
  readonly #directory: string;
  readonly #records: StoredRecords<Declaration>;

  /**
   * @param directory made if it is missing
   * @throws NiwaError HOST_ERROR
   */
  constructor(directory: string) {
    this.#directory = directory;
    this.#records = new StoredRecords(directory, 'service', parse);
  }

  /** Writes a service, see {@link StoredRecords.save}. @throws NiwaError HOST_ERROR */
  save({ service, ...declared }: Declaration): void {
    this.#records.save(service.name, { version: VERSION, ...declared });
  }

  /** Removes a service. Throws the errors of the file system. */
  remove(name: string): void {
    this.#records.remove(name);
  }

  /** Reads all services, see {@link StoredRecords.load}. @throws NiwaError HOST_ERROR */
  load(): Promise<{ whole: Declaration[]; damaged: DamagedRecord[] }> {
    return this.#records.load();
  }

  /** Gives the files of the history of a service, which are beside it. */
  historyOf(name: string): HistoryFiles {
    const file = (kind: string) => new LineFile(join(this.#directory, `${name}.${kind}`), HISTORY_FILE_BYTES);
    return { decisions: file('history'), figures: file('figures') };
  }
}

function parse(name: string, value: unknown): Declaration {
  const [problem] = problemsOf(DeclarationSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  const { version: _, ...declared } = value as Static<typeof DeclarationSchema>;
  const service = parseService(declared.input, true);
  if (service.name !== name) throw new Error(`it is that of service ${service.name}`);
  return { ...declared, service };
}
