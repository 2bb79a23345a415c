import { type Static, Type } from 'typebox';
import type { DamagedRecord } from '../host/stored-records.js';
import { StoredRecords } from '../host/stored-records.js';
import type { PoolInput } from '../protocol/pools.js';
import { problemsOf } from '../spec/check.js';
import { parsePool } from '../spec/pool.js';

const VERSION = 1;

const Whole = Type.Integer({ minimum: 0 });
const SavedSchema = Type.Object({
  version: Type.Literal(VERSION),
  input: Type.Unknown(),
  /** Who has made it, and whether the files of this machine named this user as a member of niwad's `group` then. */
  caller: Type.Object({ uid: Whole, gid: Whole, isListed: Type.Boolean() }),
  createdAt: Type.String(),
});

/** A pool as it was made. */
export interface DeclaredPool extends Pick<Static<typeof SavedSchema>, 'caller' | 'createdAt'> {
  input: PoolInput;
}

/** The pools, a file for each in the state directory. */
export class PoolStore {
  readonly #records: StoredRecords<DeclaredPool>;

  /** @throws NiwaError HOST_ERROR */
  constructor(directory: string) {
    this.#records = new StoredRecords(directory, 'pool', parse);
  }

  /** Writes a pool, see {@link StoredRecords.save}. @throws NiwaError HOST_ERROR */
  save(pool: DeclaredPool): void {
    this.#records.save(pool.input.name, { version: VERSION, ...pool });
  }

  /** Removes a pool. Throws the errors of the file system. */
  remove(name: string): void {
    this.#records.remove(name);
  }

  /** Reads all pools, see {@link StoredRecords.load}. @throws NiwaError HOST_ERROR */
  load(): Promise<{ whole: DeclaredPool[]; damaged: DamagedRecord[] }> {
    return this.#records.load();
  }
}

function parse(name: string, value: unknown): DeclaredPool {
  const [problem] = problemsOf(SavedSchema, value);
  if (problem !== undefined) throw new Error(`${problem.path}: found ${problem.found}, not ${problem.allowed}`);
  const { input, caller, createdAt } = value as Static<typeof SavedSchema>;
  const pool = parsePool(input, true);
  if (pool.name !== name) throw new Error(`it is that of pool ${pool.name}`);
  return { input: pool, caller, createdAt };
}
