import type { Logger } from 'pino';
import { NiwaError } from '../errors.js';
import { kernel } from '../kernel/addon.js';
import { errnoOf, isKernelError } from '../kernel/errors.js';

/** What a service manager has told by the environment: sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). */
export interface ManagerVariables {
  /** Where it wants to hear of us; null where it does not. */
  notifySocket: string | null;
  /** How often it wants to hear that we live, in microseconds; null for never. */
  watchdogUsec: number | null;
  /** How many sockets it has handed over, from descriptor 3 on. */
  listenFds: number;
}

/**
 * Takes the variables of a service manager out of an environment, so that no child believes that they are for it.
 * @param env what is read, and loses them
 * @param pid variables that are meant for another process than this count as not set
 * @throws NiwaError HOST_ERROR for a number that is none
 */
export function takeManagerVariables(env: NodeJS.ProcessEnv, pid: number): ManagerVariables {
  const take = (name: string) => {
    const text = env[name];
    delete env[name];
    return text === undefined || text === '' ? null : text;
  };
  const takeNumber = (name: string) => wholeNumber(name, take(name));
  const notifySocket = take('NOTIFY_SOCKET');
  const watchdog = { usec: takeNumber('WATCHDOG_USEC'), pid: takeNumber('WATCHDOG_PID') };
  const listen = { fds: takeNumber('LISTEN_FDS'), pid: takeNumber('LISTEN_PID') };
  take('LISTEN_FDNAMES');
  return {
    notifySocket,
    watchdogUsec: watchdog.pid === null || watchdog.pid === pid ? watchdog.usec : null,
    listenFds: listen.pid === pid ? (listen.fds ?? 0) : 0,
  };
}

function wholeNumber(name: string, text: string | null): number | null {
  if (text === null || /^[1-9][0-9]{0,14}$/.test(text)) return text === null ? null : Number(text);
  throw new NiwaError('HOST_ERROR', `${name} is "${text}", not a number from 1 on; unset it, or let systemd set it`);
}

const PATIENCE_MS = 60_000;
const RETRY_MS = 100;

/**
 * Keeps a service manager informed; without one it does nothing. It is never waited for: what it does not take now is sent again,
 * with what has come meanwhile. A message that gets lost is logged, no more.
 */
export class ServiceManager {
  readonly #socket: string | null;
  readonly #watchdogUsec: number | null;
  readonly #log: Logger;
  /** What it has still to hear, by name: a later value takes the place of an earlier one. */
  readonly #unsent = new Map<string, string>();
  #watchdog: NodeJS.Timeout | undefined;

  constructor({ notifySocket, watchdogUsec }: ManagerVariables, log: Logger) {
    this.#socket = notifySocket;
    this.#watchdogUsec = watchdogUsec;
    this.#log = log;
  }

  /** Tells that the daemon listens. From now on it tells at half of the watchdog's time that the event loop turns. */
  ready(status: string): void {
    this.#send(['READY=1', statusLine(status)]);
    if (this.#watchdogUsec === null) return;
    this.#watchdog ??= setInterval(() => this.#send(['WATCHDOG=1']), this.#watchdogUsec / 2000).unref();
  }

  /** Tells in words what goes on: `systemctl status` shows the last. */
  status(text: string): void {
    this.#send([statusLine(text)]);
  }

  /** Asks for patience with a stop that takes long; gives what ends the asking. */
  stopSlowly(): () => void {
    const ask = () => this.#send([`EXTEND_TIMEOUT_USEC=${PATIENCE_MS * 1000}`]);
    ask();
    const timer = setInterval(ask, PATIENCE_MS / 3);
    return () => clearInterval(timer);
  }

  /** Tells that the daemon ends. */
  stopping(status: string): void {
    this.#send(['STOPPING=1', statusLine(status)]);
  }

  #send(lines: string[]): void {
    for (const line of lines) this.#unsent.set(line.slice(0, line.indexOf('=')), line);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    if (this.#socket === null || this.#unsent.size === 0) return;
    const lines = [...this.#unsent.values()];
    try {
      kernel.sockets.notify(this.#socket, lines.join('\n'));
    } catch (error) {
      if (isKernelError(error, 'EAGAIN')) {
        setTimeout(() => this.#sendWaiting(), RETRY_MS).unref();
        return;
      }
      this.#log.warn({ socket: this.#socket, lines }, `cannot notify systemd: ${errnoOf(error)}`);
    }
    this.#unsent.clear();
  }
}

/** A line feed would begin another assignment. */
function statusLine(text: string): string {
  return `STATUS=${text.replaceAll('\n', ' ')}`;
}
