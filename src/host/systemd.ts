import type { UnitProperty } from '../plan/oci/scope-properties.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { BusConnection, BusError } from './dbus/connection.js';
import type { BusMessage } from './dbus/message.js';
import type { BusValue } from './dbus/value.js';

/** What niwad asks of systemd by D-Bus, see org.freedesktop.systemd1(5). */

/**
 * The system bus; where none runs, the socket of systemctl, which systemd has for root. There systemd is the peer, and
 * there is no bus that could be greeted.
 */
const SYSTEM_BUS = '/run/dbus/system_bus_socket';
const OWN_SOCKET = '/run/systemd/private';
const NOBODY_LISTENS = ['ENOENT', 'ECONNREFUSED'];
/** systemd answers within milliseconds; where it hangs, a container is not made. */
const PATIENCE_MS = 30_000;

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER = { destination: SYSTEMD, path: '/org/freedesktop/systemd1', interface: `${SYSTEMD}.Manager` };
const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
/** See "Match Rules" in the D-Bus specification. */
const JOB_REMOVED = `type='signal',sender='${SYSTEMD}',interface='${MANAGER.interface}',member='JobRemoved'`;
const NAME_IS_TAKEN = `${SYSTEMD}.UnitExists`;

let opened: Promise<BusConnection> | undefined;

/** One connection is for all calls; the next call opens a new one when it has ended. */
function connection(): Promise<BusConnection> {
  if (opened !== undefined) return opened;
  const opening = open();
  const forget = () => {
    if (opened === opening) opened = undefined;
  };
  opening.then((systemd) => systemd.listen((signal) => signal === null && forget()), forget);
  opened = opening;
  return opening;
}

async function open(): Promise<BusConnection> {
  const bus = await BusConnection.open(SYSTEM_BUS, PATIENCE_MS).catch((error: NodeJS.ErrnoException) => {
    if (!NOBODY_LISTENS.includes(error.code ?? '')) throw error;
    return undefined;
  });
  const systemd = bus ?? (await BusConnection.open(OWN_SOCKET, PATIENCE_MS));
  await bus?.call({ ...BUS, member: 'Hello', signature: '', body: [] });
  await bus?.call({ ...BUS, member: 'AddMatch', signature: 's', body: [JOB_REMOVED] });
  await systemd.call({ ...MANAGER, member: 'Subscribe', signature: '', body: [] });
  return systemd;
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
  #isOver = false;

  constructor(systemd: BusConnection) {
    this.#stop = systemd.listen((signal) => this.#take(signal));
  }

  /** Gives how a job has ended, as systemd calls it. @throws Error where the connection ends before */
  async resultOf(job: string): Promise<string> {
    const timer = setTimeout(() => this.#take(null), PATIENCE_MS);
    while (!this.#results.has(job) && !this.#isOver)
      await new Promise<void>((resolve) => {
        this.#tell = resolve;
      });
    clearTimeout(timer);
    const result = this.#results.get(job);
    if (result === undefined) throw new Error(`it has not told the end of its job for ${PATIENCE_MS / 1000} s`);
    return result;
  }

  close(): void {
    this.#stop();
  }

  #take(signal: BusMessage | null): void {
    if (signal === null) this.#isOver = true;
    else if (signal.interface === MANAGER.interface && signal.member === 'JobRemoved') {
      const [, job, , result] = signal.body as [number, string, string, string];
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

/** Whether a unit could not be started since another one has its name. */
export function isNameTaken(error: unknown): boolean {
  return error instanceof NiwaError && error.cause instanceof BusError && error.cause.code === NAME_IS_TAKEN;
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
