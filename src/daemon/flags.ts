import type { Argv } from 'yargs';
import { DEFAULT_CONFIG_FILE } from '../installation/defaults.js';

/** What niwad is, for its help and its man page. */
export const NIWAD_WORDS =
  'The container runtime daemon. A flag overrides its environment variable (NIWA_SOCKET, NIWA_RUN_DIR, ...), and that overrides the configuration file.';

/**
 * Declares the flags of niwad.
 * @param env the environment that niwad is started with. Only the names of settings are read: other variables that
 *   begin with NIWA_ are not for the daemon.
 */
export function withFlags(parser: Argv, env: NodeJS.ProcessEnv) {
  const text = (name: string) => ({ type: 'string', default: env[`NIWA_${name}`] }) as const;
  return parser
    .scriptName('niwad')
    .usage(`$0 [options]\n\n${NIWAD_WORDS}`)
    .option('socket', { ...text('SOCKET'), describe: 'the socket of the API (RUN_DIR/niwad.sock)' })
    .option('run-dir', { ...text('RUN_DIR'), describe: 'the directory of files that a reboot may remove (/run/niwa)' })
    .option('state-dir', {
      ...text('STATE_DIR'),
      describe: 'the directory of files to keep: ledger, logs, events, images (/var/lib/niwa)',
    })
    .option('cgroup', {
      ...text('CGROUP'),
      describe: 'the cgroup of niwad below the cgroup2 mount; self for the cgroup in which niwad is started (niwa)',
    })
    .option('config', { ...text('CONFIG'), describe: `the configuration file, in YAML (${DEFAULT_CONFIG_FILE})` })
    .option('log-level', { ...text('LOG_LEVEL'), describe: 'fatal, error, warn, info, debug, trace or silent (info)' })
    .option('drain', {
      type: 'boolean',
      describe:
        'on SIGTERM, refuse new containers and wait until all have ended; without it, containers go on without niwad',
    })
    .example('$0', 'the daemon of this machine')
    .example('$0 --run-dir /tmp/n/run --state-dir /tmp/n/state --cgroup try', 'a second daemon beside the first');
}
