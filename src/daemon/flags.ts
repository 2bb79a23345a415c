import type { Argv } from 'yargs';
import { DEFAULT_CONFIG_FILE } from '../installation/defaults.js';

/** What niwad is, for its help and its man page. */
export const NIWAD_WORDS =
  'The container runtime daemon. A flag overrides its environment variable (NIWA_SOCKET, NIWA_RUN_DIR, ...), and that overrides the configuration file.';

/** The settings that niwad has flags for; a field is undefined where it was not given. */
export interface Flags {
  socket: string | undefined;
  runDir: string | undefined;
  stateDir: string | undefined;
  cgroup: string | undefined;
  config: string | undefined;
  logLevel: string | undefined;
  drain: boolean | undefined;
}

/** The environment variable of each flag that has a value, without its `NIWA_`. */
const VARIABLES = {
  socket: 'SOCKET',
  'run-dir': 'RUN_DIR',
  'state-dir': 'STATE_DIR',
  cgroup: 'CGROUP',
  config: 'CONFIG',
  'log-level': 'LOG_LEVEL',
} as const;
type Text = keyof typeof VARIABLES;

/** A value that yargs would neither take for a flag nor change. */
const PLAIN_VALUE = /^[A-Za-z0-9/._:][^"']*$/;

/**
 * Reads a command line on which each flag is there once at most and has a plain value: `--name value`, `--name=value`,
 * `--drain`. Gives null for any other, which {@link withFlags} has to read. So the usual start of niwad does not load
 * yargs, which takes longer than all the settings.
 * @param env as for {@link withFlags}
 */
export function plainFlags(args: readonly string[], env: NodeJS.ProcessEnv): Flags | null {
  const given = new Map<string, string | true>();
  for (let i = 0; i < args.length; i++) {
    const [, name = '', joined] = /^--([a-z-]+)(?:=(.*))?$/s.exec(args[i] ?? '') ?? [];
    const value = name === 'drain' ? joined === undefined : (joined ?? args[++i] ?? '');
    const isPlain = value === true || (Object.hasOwn(VARIABLES, name) && value !== false && PLAIN_VALUE.test(value));
    if (!isPlain || given.has(name)) return null;
    given.set(name, value);
  }
  const text = (name: Text) => (given.get(name) as string | undefined) ?? env[`NIWA_${VARIABLES[name]}`];
  return {
    socket: text('socket'),
    runDir: text('run-dir'),
    stateDir: text('state-dir'),
    cgroup: text('cgroup'),
    config: text('config'),
    logLevel: text('log-level'),
    drain: given.has('drain') ? true : undefined,
  };
}

/**
 * Declares the flags of niwad.
 * @param env the environment that niwad is started with. Only the names of settings are read: other variables that
 *   begin with NIWA_ are not for the daemon.
 */
export function withFlags(parser: Argv, env: NodeJS.ProcessEnv) {
  const text = (name: Text) => ({ type: 'string', default: env[`NIWA_${VARIABLES[name]}`] }) as const;
  return parser
    .scriptName('niwad')
    .usage(`$0 [options]\n\n${NIWAD_WORDS}`)
    .option('socket', { ...text('socket'), describe: 'the socket of the API (RUN_DIR/niwad.sock)' })
    .option('run-dir', { ...text('run-dir'), describe: 'the directory of files that a reboot may remove (/run/niwa)' })
    .option('state-dir', {
      ...text('state-dir'),
      describe: 'the directory of files to keep: ledger, logs, events, images (/var/lib/niwa)',
    })
    .option('cgroup', {
      ...text('cgroup'),
      describe: 'the cgroup of niwad below the cgroup2 mount; self for the cgroup in which niwad is started (niwa)',
    })
    .option('config', { ...text('config'), describe: `the configuration file, in YAML (${DEFAULT_CONFIG_FILE})` })
    .option('log-level', { ...text('log-level'), describe: 'fatal, error, warn, info, debug, trace or silent (info)' })
    .option('drain', {
      type: 'boolean',
      describe:
        'on SIGTERM, refuse new containers and wait until all have ended; without it, containers go on without niwad',
    })
    .example('$0', 'the daemon of this machine')
    .example('$0 --run-dir /tmp/n/run --state-dir /tmp/n/state --cgroup try', 'a second daemon beside the first');
}
