import { totalmem } from 'node:os';
import type { CommandModule } from 'yargs';
import { NiwaClient } from '../../client/client.js';
import { checkAllowedDirectories } from '../../host/allowed-directories.js';
import { canRun, diagnose } from '../../host/doctor/diagnose.js';
import { readHostFacts } from '../../host/doctor/facts.js';
import { checkServices } from '../../host/doctor/services.js';
import { summaryOf } from '../../host/doctor/summary.js';
import { DEFAULT_CONFIG_FILE } from '../../installation/defaults.js';
import { version as ownVersion } from '../../installation/version.js';
import type { Check } from '../../protocol/host.js';
import { type Common, daemonCommand, print } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { escaped } from '../text.js';
import { paint } from '../top/ansi.js';
import { type Style, span } from '../top/line.js';

/** The commands that work without a daemon, and tell more with one. */

interface DoctorOptions extends Common {
  allow: boolean;
  config: string | undefined;
}

export const doctor: CommandModule<Common, DoctorOptions> = {
  command: 'doctor',
  describe: 'Check what this host supports; exit with 1 if niwad cannot run here',
  builder: (yargs) =>
    yargs
      .option('allow', {
        type: 'boolean',
        default: false,
        describe: 'also search the directories that other callers may use for setuid programs, see docs/security.md',
      })
      .option('config', {
        type: 'string',
        requiresArg: true,
        describe: `the configuration of niwad, which names these directories (${DEFAULT_CONFIG_FILE})`,
      })
      .example('$0 doctor --json', '')
      .example('$0 doctor --allow', ''),
  handler: async ({ json, allow, config, socket }) => {
    const checks = [...diagnose(await readHostFacts()), ...(await checkServicesOf(socket))];
    if (allow) checks.push(...(await checkAllowed(config)));
    const summary = summaryOf(checks);
    print(json, { ok: canRun(checks), summary, checks }, () => ({
      text: ({ colours }) => [summary, '', ...checks.map((check) => checkLines(check, colours))].join('\n'),
    }));
    process.exitCode = canRun(checks) ? EXIT.ok : EXIT.failed;
  },
};

export const version: CommandModule<Common, Common> = {
  command: 'version',
  describe: 'Show the versions of niwa and of the daemon',
  builder: (yargs) => yargs,
  handler: async ({ socket, json }) => {
    const client = new NiwaClient(socket);
    const daemon = await client.info().then(
      (info) => info.version,
      () => null,
    );
    client.close();
    print(
      json,
      { client: ownVersion, daemon },
      () => `niwa ${ownVersion}\nniwad ${daemon ?? `not running on ${socket}`}`,
    );
  },
};

export const info = daemonCommand(
  'info',
  'Show facts about the daemon: its version, its limits, how many containers it has',
  (yargs) => yargs.example('$0 info --json', ''),
  async (client, { json }) => {
    const facts = await client.info();
    const { stringify } = await import('yaml');
    print(json, facts, () => stringify(facts, { aliasDuplicateObjects: false }).trimEnd());
    return EXIT.ok;
  },
);

/** Gives the check of the services of a niwad; none where no niwad answers. */
async function checkServicesOf(socket: string): Promise<Check[]> {
  const client = new NiwaClient(socket);
  const services = await client.services().catch(() => null);
  client.close();
  const specs = services?.map(({ spec }) => spec) ?? [];
  return services === null ? [] : [checkServices(specs, totalmem())];
}

/** @throws NiwaError if the configuration cannot be read */
async function checkAllowed(file: string | undefined): Promise<Check[]> {
  // loaded here because its schema takes a while to load
  const { mergeConfig, readConfigFile } = await import('../../daemon/config.js');
  const { roots = [], sources = [] } = mergeConfig(
    {},
    readConfigFile(file ?? DEFAULT_CONFIG_FILE, file !== undefined),
  ).allow;
  return checkAllowedDirectories([...roots, ...sources]);
}

const CHECK_STYLES: Record<Check['status'], Style> = { ok: 'good', warning: 'warning', missing: 'alarm' };

function checkLines({ name, status, found, meaning, cure }: Check, colours: boolean): string {
  const mark = colours ? paint([span(status, CHECK_STYLES[status])], true) : status;
  const more = status === 'ok' ? [] : [meaning, ...(cure === null ? [] : [`cure: ${cure}`])];
  const text = [`${name}: ${found}`, ...more].map(escaped).join('\n         ');
  return `${mark}${' '.repeat('missing'.length - status.length)}  ${text}`;
}
