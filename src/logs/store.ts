import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { removeDirectory, unlinkIfThere } from '../host/directory.js';
import type { Handle, LogBounds } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { LogErrorEvent } from '../kernel/logs.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { ContainerLog } from './log.js';

/**
 * The stored output of all containers of one daemon. Each container has a directory for its log, and one for the FIFOs
 * to which it writes.
 */
export class LogStore {
  readonly #runDir: string;
  readonly #logDir: string;
  /** How much output of each container is stored. */
  readonly bounds: LogBounds;
  readonly #logger: Logger;
  readonly #kernel: Pick<Kernel, 'logs'>;
  /** The handles of the containers whose output cannot be stored now. */
  readonly #unstored = new Set<Handle>();
  /** The ids of forgotten containers whose logs could not be removed; null where nobody has looked yet. */
  #left: Set<string> | null = null;

  /**
   * @param runDir the directory that has a directory with the FIFOs of each container
   * @param logDir the directory that has a directory with the log of each container
   */
  constructor(runDir: string, logDir: string, bounds: LogBounds, logger: Logger, kernel: Pick<Kernel, 'logs'>) {
    this.#runDir = runDir;
    this.#logDir = logDir;
    this.bounds = bounds;
    this.#logger = logger;
    this.#kernel = kernel;
  }

  /** The paths of a container's FIFOs. A niwad that starts asks for those of all, so they are not normalized. */
  fifosOf(id: string): { stdout: string; stderr: string } {
    const directory = `${this.#runDir}/${id}`;
    return { stdout: `${directory}/stdout`, stderr: `${directory}/stderr` };
  }

  /**
   * Removes the log of an earlier container with the same id, where that could not be removed with it. The directory of
   * the new log is made with the first output, so a container that writes nothing costs the disk nothing, neither at
   * its start nor at its end.
   * @throws NiwaError HOST_ERROR
   */
  prepare(id: string): void {
    if (this.#left?.has(id) === false) return;
    try {
      removeDirectory(this.directoryOf(id));
      this.#left?.delete(id);
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot remove the log of an earlier container ${id}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Gives the log of a container that has not exited. */
  logOf(id: string, handle: Handle): ContainerLog {
    return new ContainerLog(this.directoryOf(id), () => this.#kernel.logs.watch(handle));
  }

  /**
   * Begins to store what a container of an earlier niwad writes to its FIFOs; new output is added behind the output
   * stored before.
   * @throws KernelError
   */
  open(id: string, handle: Handle): void {
    const { stdout, stderr } = this.fifosOf(id);
    this.#kernel.logs.open(handle, { stdout, stderr, directory: this.directoryOf(id), bounds: this.bounds });
  }

  /** Gives the log of a container that has exited. */
  ended(id: string): ContainerLog {
    const log = new ContainerLog(this.directoryOf(id), () => {});
    log.end();
    return log;
  }

  /** Removes the FIFOs of a container that has ended. @param isAll whether nothing else is in their directory */
  closeFifos(id: string, isAll: boolean): void {
    const remove = () => {
      if (isAll) removeDirectory(join(this.#runDir, id));
      else Object.values(this.fifosOf(id)).forEach(unlinkIfThere);
    };
    this.#tryTo(remove, id, 'the FIFOs of a container stay until it is removed');
  }

  /** Removes the log of a container. */
  discard(id: string): void {
    const isGone = this.#tryTo(() => removeDirectory(this.directoryOf(id)), id, 'the log of a container stays');
    if (!isGone) this.#left?.add(id);
  }

  /** Removes the logs of all containers whose ids are not among these. */
  removeOthers(ids: ReadonlySet<string>): void {
    mkdirSync(this.#logDir, { recursive: true, mode: 0o750 });
    this.#left = new Set();
    for (const id of readdirSync(this.#logDir)) if (!ids.has(id)) this.discard(id);
  }

  /**
   * The addon tells that output of a container cannot be stored, or can be stored again. A full disk concerns all: the
   * first is logged.
   */
  hearError({ errno, handle }: LogErrorEvent, id: string | undefined): void {
    const before = this.#unstored.size;
    if (errno === null) this.#unstored.delete(handle);
    else this.#unstored.add(handle);
    if (errno !== null && before === 0)
      this.#logger.error(
        { id, errno },
        'output cannot be stored: containers that write wait until it can; free or repair the disk of the logs',
      );
    if (before > 0 && this.#unstored.size === 0) this.#logger.info('output is stored again');
  }

  /** Says whether it was done. */
  #tryTo(act: () => void, id: string, failure: string): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.#logger.error({ err: error, id }, failure);
      return false;
    }
  }

  /** The directory of a container's log, which is made with the first output. */
  directoryOf(id: string): string {
    return `${this.#logDir}/${id}`; // join() takes longer, and this is asked for several times in each start
  }
}
