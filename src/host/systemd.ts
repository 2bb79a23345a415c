import { setTimeout as sleep } from 'node:timers/promises';
import type { UnitProperty } from '../plan/oci/scope-properties.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { withResolvers } from '../turns/with-resolvers.js';
import { BusConnection, type BusError } from './dbus/connection.js';
import type { BusMessage } from './dbus/message.js';
import type { BusValue } from './dbus/value.js';

/** What niwad asks of systemd by D-Bus, see org.freedesktop.systemd1(5). */

/**
 * The socket of systemctl, which systemd has for root. systemd itself is the peer, and sends all its signals to it. On
 * the system bus any user could send messages to niwad.
 */
export const SYSTEMD_SOCKET = '/run/systemd/private';
/** systemd answers within milliseconds; where it hangs, a container is not made. */
const REQUEST_MS = 30_000;

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER = { destination: SYSTEMD, path: '/org/freedesktop/systemd1', interface: `${SYSTEMD}.Manager` };
const NAME_IS_TAKEN = `${SYSTEMD}.UnitExists`;
/** systemd ends all connections, and listens a moment later, when it executes itself anew, as after an upgrade. */
const IS_AWAY = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

let opened: Promise<BusConnection> | undefined;

/** The time between two tries. */
const PAUSE_MS = 200;

/** When systemd has to have done all that belongs to a request of now, on the clock of performance.now(). */
export const requestDeadline = (): number => performance.now() + REQUEST_MS;

/** One connection is for all calls; the next call opens a new one when it has ended. */
function connection(deadlineMs: number): Promise<BusConnection> {
  if (opened !== undefined) return opened;
  const forget = () => {
    opened = undefined;
  };
  opened = BusConnection.open(SYSTEMD_SOCKET, deadlineMs);
  opened.then((systemd) => systemd.listen((heard) => heard instanceof Error && forget()), forget);
  return opened;
}

/**
 * Lets systemd start a transient unit; resolves when it has started.
 * @param deadlineMs see {@link requestDeadline}
 * @throws NiwaError HOST_ERROR with what systemd says; whoever made the processes of the unit has to end them
 */
export function startUnit(unit: string, properties: readonly UnitProperty[], deadlineMs: number): Promise<void> {
  return asking(`systemd did not make ${unit}`, deadlineMs, async (systemd) => {
    const jobs = new Jobs(systemd);
    try {
      const body = [unit, 'fail', variants(properties), []];
      const signature = 'ssa(sv)a(sa(sv))';
      const [job] = await systemd.call({ ...MANAGER, member: 'StartTransientUnit', signature, body }, deadlineMs);
      const result = await jobs.resultOf(job as string, deadlineMs);
      if (result !== 'done') throw new Error(`its job has ended with "${result}"`);
    } finally {
      jobs.close();
    }
  });
}

/** The jobs of systemd that have ended since this object was made: their signal may come before their name is known. */
class Jobs {
  readonly #results = new Map<string, string>();
  readonly #stop: () => void;
  #told = withResolvers<void>();
  /** Why none is told any more. */
  #over: Error | undefined;

  constructor(systemd: BusConnection) {
    this.#stop = systemd.listen((heard) => this.#take(heard));
  }

  /** Gives how a job has ended, as systemd calls it. @throws Error where the connection or the time ends before */
  async resultOf(job: string, deadlineMs: number): Promise<string> {
    const late = new Error('it has not told the end of its job in time');
    const timer = setTimeout(() => this.#take(late), deadlineMs - performance.now());
    while (!this.#results.has(job) && this.#over === undefined) await this.#told.promise;
    clearTimeout(timer);
    const result = this.#results.get(job);
    if (result === undefined) throw this.#over;
    return result;
  }

  close(): void {
    this.#stop();
  }

  #take(heard: BusMessage | Error): void {
    if (heard instanceof Error) this.#over = heard;
    else if (heard.interface === MANAGER.interface && heard.member === 'JobRemoved') {
      const [, job, , result] = heard.body() as [number, string, string, string];
      this.#results.set(job, result);
    }
    this.#told.resolve();
    this.#told = withResolvers();
  }
}

/** Changes properties of a unit until it ends. @throws NiwaError HOST_ERROR with what systemd says */
export async function changeUnit(unit: string, properties: readonly UnitProperty[]): Promise<void> {
  const deadlineMs = requestDeadline();
  const body = [unit, true, variants(properties)];
  const change = () =>
    asking(`systemd did not change ${unit}`, deadlineMs, async (systemd) => {
      await systemd.call({ ...MANAGER, member: 'SetUnitProperties', signature: 'sba(sv)', body }, deadlineMs);
    });
  await trying(change, (error) => (isAway(error) ? deadlineMs : 0));
}

/**
 * Tries something again after failures that may pass.
 * @param endMs gives until when it is tried after a failure, on the clock of performance.now(); 0 for no longer
 * @throws the last failure
 */
export async function trying(act: () => Promise<void>, endMs: (error: unknown) => number): Promise<void> {
  for (;;)
    try {
      return await act();
    } catch (error) {
      if (performance.now() + PAUSE_MS > endMs(error)) throw error;
      await sleep(PAUSE_MS);
    }
}

/** Whether a call has failed since another unit has the name: one that has just ended, or that lives. */
export const nameIsTaken = (error: unknown): boolean => codeOf(error) === NAME_IS_TAKEN;

/** Whether a call has failed since systemd executes itself anew. It may have done what it was asked for. */
export const isAway = (error: unknown): boolean => IS_AWAY.includes(codeOf(error) ?? '');

function codeOf(error: unknown): string | undefined {
  return ((error as NiwaError).cause as NodeJS.ErrnoException | BusError | undefined)?.code;
}

function variants(properties: readonly UnitProperty[]): BusValue[] {
  return properties.map(([name, type, value]) => [name, { type, value }]);
}

/** @param failure the beginning of the message of an error */
async function asking(
  failure: string,
  deadlineMs: number,
  act: (systemd: BusConnection) => Promise<void>,
): Promise<void> {
  try {
    await act(await connection(deadlineMs));
  } catch (cause) {
    throw new NiwaError('HOST_ERROR', `${failure}: ${messageOf(cause)}`, { cause });
  }
}
