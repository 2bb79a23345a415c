import type { Logger } from 'pino';
import { DEFAULT_CONFIG_FILE } from '../installation/defaults.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { type Config, mergeConfig, readConfigFile } from './config.js';
import { type Daemon, startDaemon } from './daemon.js';
import { type Flags, plainFlags } from './flags.js';
import { makeLog } from './log.js';
import { LogStream } from './log-stream.js';
import { type ManagerVariables, ServiceManager, takeManagerVariables } from './systemd.js';

const WRONG_USAGE = 2;
/** A descriptor is used, since process.stdout would be a second stream on it. */
const STDOUT = 1;
/** How long the process waits at its end until its last log lines are written. */
const LOG_PATIENCE_MS = 1000;

/** Runs niwad until a signal ends it. */
async function main(): Promise<void> {
  process.umask(0o022);
  const { config, variables } = await readSettings();
  const stream = new LogStream(STDOUT, (lines) =>
    log.warn({ lines }, 'lines of this log were dropped: it could not be written'),
  );
  const log = makeLog(config.logLevel, stream);
  const exit = async (status: number) => {
    await stream.flushed(LOG_PATIENCE_MS);
    process.exit(status);
  };
  logWarnings(log);
  logRejections(log);
  const manager = new ServiceManager(variables, log);
  try {
    const daemon = await startDaemon(config, log, {
      sockets: variables.sockets,
      droppedLines: () => stream.dropped,
    });
    manager.ready('running');
    endOnSignals(daemon, config.drain, manager, log, exit);
  } catch (error) {
    log.fatal({ err: error }, messageOf(error));
    await exit(1);
  }
}

/**
 * Writes warnings of Node.js to the log. Node.js would write them to standard error, and the event loop would wait if
 * nobody reads there.
 */
function logWarnings(log: Logger): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ err: warning }, warning.message));
}

/**
 * Writes a promise that fails, and that nobody waits for, to the log as an error. Node.js would end niwad: such a
 * promise is a fault of niwad in one operation, and the end would cut all requests, streams and waking services. If a
 * user's request causes it, the request comes again after the restart, and niwad would end again and again. Exceptions
 * that nobody catches still end niwad: they leave what runs on the event loop half done, and the next niwad puts it in
 * order.
 */
function logRejections(log: Logger): void {
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, `a fault of niwad: nobody waits for an operation that has failed: ${messageOf(error)}`),
  );
}

/**
 * The first signal stops the daemon; with `drain`, it waits until all containers have ended. A second signal ends that
 * wait.
 */
function endOnSignals(
  daemon: Daemon,
  drain: boolean,
  manager: ServiceManager,
  log: Logger,
  exit: (status: number) => Promise<void>,
): void {
  let signals = 0;
  const end = async (signal: string) => {
    const order = ++signals;
    if (order > (drain ? 2 : 1)) return;
    const draining = drain && order === 1;
    log.info({ signal }, draining ? 'draining: waiting for every container to end' : 'stopping');
    if (draining) {
      const done = manager.stopSlowly();
      await daemon.drain((remaining) => manager.status(`draining: ${remaining} containers left`));
      done();
      if (signals > 1) return;
    }
    manager.stopping('stopping; containers go on');
    const running = await daemon.close();
    log.info({ running }, running > 0 ? 'stopped; the containers go on' : 'stopped');
    await exit(0); // work may still wait, for example for room on a disk: the next daemon does it
  };
  for (const signal of ['SIGTERM', 'SIGINT'])
    process.on(signal, () =>
      end(signal).catch((error: unknown) => {
        log.fatal({ err: error }, 'could not stop cleanly');
        return exit(1);
      }),
    );
}

async function readSettings(): Promise<{ config: Config; variables: ManagerVariables }> {
  try {
    const variables = takeManagerVariables(process.env, process.pid);
    const flags = await readFlags();
    const text = readConfigFile(flags.config ?? DEFAULT_CONFIG_FILE, flags.config !== undefined);
    const { socket, runDir, stateDir, cgroup, logLevel, drain } = flags;
    return { config: mergeConfig({ socket, runDir, stateDir, cgroup, logLevel, drain }, text), variables };
  } catch (error) {
    if (!(error instanceof NiwaError)) throw error;
    return refuse(error.message);
  }
}

async function readFlags(): Promise<Flags> {
  const args = process.argv.slice(2);
  const plain = plainFlags(args, process.env);
  if (plain !== null) return plain;
  const { parseFlags } = await import('./command-line.js');
  return parseFlags(args, process.env, (words) => refuse(`${words}\nTry niwad --help.`));
}

function refuse(words: string): never {
  process.stderr.write(`niwad: ${words}\n`);
  process.exit(WRONG_USAGE);
}

void main();
