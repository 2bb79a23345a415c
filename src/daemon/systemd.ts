import type { Logger } from 'pino';
import { kernel } from '../kernel/addon.js';
import { errnoOf, isKernelError } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';
import { type HandedOver, NO_SOCKETS } from './listen.js';

/** What a service manager tells in the environment, see sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). */
export interface ManagerVariables {
  /** The socket to which niwad is to send messages; null for none. */
  notifySocket: string | null;
  /** How often niwad has to send a sign of life, in microseconds; null for never. */
  watchdogUsec: number | null;
  /** The sockets that the service manager has handed over. */
  sockets: HandedOver;
}

/**
 * Reads the variables of a service manager, and removes them from the environment: a child that inherits them would
 * take them for its own.
 * @param env the environment; it is changed
 * @param pid the pid of this process. Variables that name another pid count as not set
 * @throws NiwaError HOST_ERROR where a variable should be a number and is not
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
  const names = take('LISTEN_FDNAMES')?.split(':') ?? [];
  return {
    notifySocket,
    watchdogUsec: watchdog.pid === null || watchdog.pid === pid ? watchdog.usec : null,
    sockets: listen.pid === pid ? { count: listen.fds ?? 0, names } : NO_SOCKETS,
  };
}

function wholeNumber(name: string, text: string | null): number | null {
  if (text === null || /^[1-9][0-9]{0,14}$/.test(text)) return text === null ? null : Number(text);
  throw new NiwaError('HOST_ERROR', `${name} is "${text}", not a number from 1 on; unset it, or let systemd set it`);
}

const PATIENCE_MS = 60_000;
const RETRY_MS = 100;

/**
 * Sends messages to a service manager; does nothing where there is none. niwad never waits for the service manager: a
 * message that it does not take now is sent again, together with later ones. If a message cannot be sent at all, this
 * is logged.
 */
export class ServiceManager {
  readonly #socket: string | null;
  readonly #watchdogUsec: number | null;
  readonly #log: Logger;
  /** The messages that were not sent yet, by name; a later value replaces an earlier one. */
  readonly #unsent = new Map<string, string>();
  #watchdog: NodeJS.Timeout | undefined;

  constructor({ notifySocket, watchdogUsec }: ManagerVariables, log: Logger) {
    this.#socket = notifySocket;
    this.#watchdogUsec = watchdogUsec;
    this.#log = log;
  }

  /**
   * Tells that the daemon listens. From now on, sends a sign of life each half of the watchdog's time, as long as the
   * event loop runs.
   */
  ready(status: string): void {
    this.#send(['READY=1', statusLine(status)]);
    if (this.#watchdogUsec === null) return;
    this.#watchdog ??= setInterval(() => this.#send(['WATCHDOG=1']), this.#watchdogUsec / 2000).unref();
  }

  /** Tells in words what the daemon does; `systemctl status` shows the last such text. */
  status(text: string): void {
    this.#send([statusLine(text)]);
  }

  /** Asks for more time, again and again, since this stop may take long. Gives a function that ends the asking. */
  stopSlowly(): () => void {
    const ask = () => this.#send([`EXTEND_TIMEOUT_USEC=${PATIENCE_MS * 1000}`]);
    ask();
    const timer = setInterval(ask, PATIENCE_MS / 3);
    return () => clearInterval(timer);
  }

  /** Tells that the daemon stops. */
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

/** Writes a status in one line: after a line feed, the service manager would read another assignment. */
function statusLine(text: string): string {
  return `STATUS=${text.replaceAll('\n', ' ')}`;
}
