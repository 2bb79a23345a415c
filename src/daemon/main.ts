import pino from 'pino';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { NiwaError } from '../errors.js';
import { DEFAULT_CONFIG_FILE } from '../paths.js';
import { version } from '../version.js';
import { type Config, mergeConfig, readConfigFile } from './config.js';
import { startDaemon } from './daemon.js';
import { type ManagerVariables, ServiceManager, takeManagerVariables } from './systemd.js';

const WRONG_USAGE = 2;

/** Runs niwad until a signal ends it. */
async function main(): Promise<void> {
  process.umask(0o022);
  const { config, variables } = readSettings();
  const log = pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ sync: true }),
  );
  const manager = new ServiceManager(variables, log);
  const daemon = await startDaemon(config, log, variables.listenFds).catch((error: unknown) => {
    log.fatal({ err: error }, error instanceof Error ? error.message : String(error));
    process.exit(1);
  });
  manager.ready('running');
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      manager.stopping('ending every container');
      log.info({ signal }, 'stopping: every container is ended first');
      daemon.close().then(
        () => log.info('stopped'),
        (error: unknown) => {
          log.fatal({ err: error }, 'could not stop cleanly');
          process.exitCode = 1;
        },
      );
    });
  }
}

function readSettings(): { config: Config; variables: ManagerVariables } {
  try {
    const variables = takeManagerVariables(process.env, process.pid);
    const flags = parseFlags();
    const text = readConfigFile(flags.config ?? DEFAULT_CONFIG_FILE, flags.config !== undefined);
    const { socket, runDir, stateDir, cgroup, logLevel } = flags;
    return { config: mergeConfig({ socket, runDir, stateDir, cgroup, logLevel }, text), variables };
  } catch (error) {
    if (!(error instanceof NiwaError)) throw error;
    process.stderr.write(`niwad: ${error.message}\n`);
    process.exit(WRONG_USAGE);
  }
}

/** Only these names: other variables that begin with NIWA_ are not for the daemon. */
function fromEnvironment(name: string): string | undefined {
  return process.env[`NIWA_${name}`];
}

function parseFlags() {
  const text = (name: string) => ({ type: 'string', default: fromEnvironment(name) }) as const;
  return yargs(hideBin(process.argv))
    .scriptName('niwad')
    .usage(
      '$0 [options]\n\nThe container runtime daemon. Flags come before the environment (NIWA_SOCKET, NIWA_RUN_DIR, ...), and that before the file.',
    )
    .option('socket', { ...text('SOCKET'), describe: 'the socket of the API (RUN_DIR/niwad.sock)' })
    .option('run-dir', { ...text('RUN_DIR'), describe: 'what lives as long as the machine is up (/run/niwa)' })
    .option('state-dir', { ...text('STATE_DIR'), describe: 'what is kept: the ledger (/var/lib/niwa)' })
    .option('cgroup', {
      ...text('CGROUP'),
      describe: "the daemon's group below the cgroup2 mount, or self: the one it is started in (niwa)",
    })
    .option('config', { ...text('CONFIG'), describe: `a YAML file of settings (${DEFAULT_CONFIG_FILE})` })
    .option('log-level', { ...text('LOG_LEVEL'), describe: 'fatal, error, warn, info, debug, trace or silent (info)' })
    .example('$0', 'the daemon of this machine')
    .example('$0 --run-dir /tmp/n/run --state-dir /tmp/n/state --cgroup try', 'a second one beside it')
    .strict()
    .version(version)
    .fail((message, error) => {
      process.stderr.write(`niwad: ${message ?? error.message}\nTry niwad --help.\n`);
      process.exit(WRONG_USAGE);
    })
    .parseSync();
}

await main();
