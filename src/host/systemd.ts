import type { UnitProperty } from '../plan/oci/scope-properties.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
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
const PATIENCE_MS = 30_000;

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER = { destination: SYSTEMD, path: '/org/freedesktop/systemd1', interface: `${SYSTEMD}.Manager` };
const NAME_IS_TAKEN = `${SYSTEMD}.UnitExists`;
/** systemd ends all connections, and listens a moment later, when it executes itself anew, as after an upgrade. */
const IS_AWAY = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

let opened: Promise<BusConnection> | undefined;

/** One connection is for all calls; the next call opens a new one when it has ended. */
function connection(): Promise<BusConnection> {
  if (opened !== undefined) return opened;
  const forget = () => {
    opened = undefined;
  };
  opened = BusConnection.open(SYSTEMD_SOCKET, PATIENCE_MS);
  opened.then((systemd) => systemd.listen((heard) => heard instanceof Error && forget()), forget);
  return opened;
}

/**
 * Lets systemd start a transient unit; resolves when it has started.
 * @throws NiwaError HOST_ERROR with what systemd says; whoever made the processes of the unit has to end them
 */
export function startUnit(unit: string, properties: readonly UnitProperty[]): Promise<void> {
  return asking(`systemd did not make ${unit}`, async (systemd) => {
    const jobs = new Jobs(systemd);
    try {
      const body = [unit, 'fail', variants(properties), []];
      const signature = 'ssa(sv)a(sa(sv))';
      const [job] = await systemd.call({ ...MANAGER, member: 'StartTransientUnit', signature, body });
      const result = await jobs.resultOf(job as string);
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
  #tell: () => void = () => {};
  /** Why none is told any more. */
  #over: Error | undefined;

  constructor(systemd: BusConnection) {
    this.#stop = systemd.listen((heard) => this.#take(heard));
  }

  /** Gives how a job has ended, as systemd calls it. @throws Error where the connection ends before */
  async resultOf(job: string): Promise<string> {
    const late = new Error(`it has not told the end of its job for ${PATIENCE_MS / 1000} s`);
    const timer = setTimeout(() => this.#take(late), PATIENCE_MS);
    while (!this.#results.has(job) && this.#over === undefined)
      await new Promise<void>((resolve) => {
        this.#tell = resolve;
      });
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
    this.#tell();
  }
}

/** Changes properties of a unit until it ends. @throws NiwaError HOST_ERROR with what systemd says */
export function changeUnit(unit: string, properties: readonly UnitProperty[]): Promise<void> {
  return asking(`systemd did not change ${unit}`, async (systemd) => {
    const body = [unit, true, variants(properties)];
    await systemd.call({ ...MANAGER, member: 'SetUnitProperties', signature: 'sba(sv)', body });
  });
}

/** Whether a start may work a moment later: another unit has its name, or systemd executes itself anew. */
export function mayPass(error: unknown): boolean {
  const { code } = ((error as NiwaError).cause ?? {}) as NodeJS.ErrnoException | BusError;
  return code !== undefined && [NAME_IS_TAKEN, ...IS_AWAY].includes(code);
}

function variants(properties: readonly UnitProperty[]): BusValue[] {
  return properties.map(([name, type, value]) => [name, { type, value }]);
}

/** @param failure the beginning of the message of an error */
async function asking(failure: string, act: (systemd: BusConnection) => Promise<void>): Promise<void> {
  try {
    await act(await connection());
  } catch (cause) {
    throw new NiwaError('HOST_ERROR', `${failure}: ${messageOf(cause)}`, { cause });
  }
}
