import type { Argv, CommandModule } from 'yargs';
import { NiwaError } from '../../protocol/errors.js';
import { type AnyCommand, askAll, type Common, daemonCommand, fail, forEach, print, tellWarnings } from '../command.js';
import { printDocuments } from '../documents.js';
import { EXIT, statusOfError } from '../exit-codes.js';
import { printLogs, writeAsIs } from '../print-logs.js';
import { readServices } from '../service-file.js';
import { stampedLines } from '../service-logs.js';
import { applyText, figuresTable, historyTable, scaleText, serviceTable, wakeText } from '../service-text.js';
import { toCount } from '../values.js';
import { tailOf, withLogOptions } from './logs.js';

const withNameArgument = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', demandOption: true, describe: 'the name of a service' });
const withNames = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', array: true, demandOption: true, describe: 'names of services' });

/** A file may have several services: the error says which one it is about. */
function withName(name: string, error: unknown): unknown {
  if (!(error instanceof NiwaError)) return error;
  return new NiwaError(error.code, `${name}: ${error.message}`, { details: error.details, cause: error });
}

const apply = daemonCommand(
  'apply <file..>',
  'Create services, or change them to what the files say',
  (yargs) =>
    yargs
      .positional('file', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'services as YAML (several in a file, with --- between them) or JSON; - for standard input',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'print what would change, and change nothing' })
      .option('now', {
        type: 'boolean',
        default: false,
        describe: 'replace serving instances now, one by one (default: each when its lifetime ends)',
      })
      .example('$0 service apply shop.yaml', '')
      .example('$0 service apply --dry-run shop.yaml', 'what would change'),
  async (client, { file, dryRun, now, json }) => {
    const services = (await Promise.all(file.map(readServices))).flat();
    let status: number = EXIT.ok;
    for (const service of services) {
      try {
        const answer = await client.applyService(service, { dryRun, now });
        tellWarnings(answer);
        print(json, answer, () => applyText(answer));
      } catch (error) {
        status = fail(withName(service.service, error), json, statusOfError);
      }
    }
    return status;
  },
);

const ls = {
  ...daemonCommand(
    'ls',
    'List services',
    (yargs) =>
      yargs
        .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only names' })
        .example('$0 service ls', ''),
    async (client, { quiet, json }) => {
      const services = await client.services();
      print(json, services, () =>
        quiet ? services.map(({ name }) => name).join('\n') : serviceTable(services, Date.now()),
      );
      return EXIT.ok;
    },
  ),
  aliases: ['list'],
};

const inspect = daemonCommand(
  'inspect <name..>',
  'Show the full status of services',
  (yargs) => withNames(yargs).example('$0 service inspect shop --json', ''),
  async (client, { name, json }) => {
    const { answers, status } = await askAll(name, json, (one) => client.service(one));
    await printDocuments(json, answers);
    return status;
  },
);

const rm = daemonCommand(
  'rm <name..>',
  'Remove services: close their addresses, and end their instances after their connections',
  (yargs) => withNames(yargs).example('$0 service rm shop', ''),
  (client, { name, json }) =>
    forEach(name, json, async (one) => {
      await client.removeService(one);
      return { name: one };
    }),
);

const wake = daemonCommand(
  'wake <name..>',
  'Wake services as a request would, and wait until they serve',
  (yargs) => withNames(yargs).example('$0 service wake shop', 'before the first visitor comes'),
  async (client, { name, json }) => {
    let status: number = EXIT.ok;
    for (const one of name) {
      try {
        const answer = await client.wakeService(one);
        print(json, answer, () => wakeText(answer));
      } catch (error) {
        status = fail(error, json, () => EXIT.failed);
      }
    }
    return status;
  },
);

const scale = daemonCommand(
  'scale <name> <instances>',
  'Hold a number of instances whatever the load is',
  (yargs) =>
    withNameArgument(yargs)
      .positional('instances', {
        type: 'string',
        demandOption: true,
        describe: 'a number, at most the slots; auto to let the load decide again',
      })
      .example('$0 service scale shop 2', '')
      .example('$0 service scale shop auto', ''),
  async (client, { name, instances, json }) => {
    const held = instances === 'auto' ? null : toCount('<instances>', instances, 0, ', or auto');
    const status = await client.scaleService(name, held);
    print(json, status, () => scaleText(status));
    return EXIT.ok;
  },
);

const logs = daemonCommand(
  'logs <name>',
  'Show the stored output of all instances of a service, each line after the id of its instance',
  (yargs) =>
    withLogOptions(withNameArgument(yargs), 'show new output, also of later instances, until the service is removed')
      .example('$0 service logs -f shop', '')
      .example('$0 service logs -t --since 10m --stream stderr shop', 'standard error of the last ten minutes'),
  async (client, { name, follow, since, until, timestamps, stream, json, ...options }) => {
    const tail = tailOf(options.tail);
    const chunks = client.serviceLogs(name, { follow, since, until, tail, stream });
    if (json) {
      for await (const { data, ...chunk } of chunks)
        process.stdout.write(`${JSON.stringify({ ...chunk, data: data.toString('base64') })}\n`);
      return EXIT.ok;
    }
    await printLogs(stampedLines(chunks, timestamps), writeAsIs);
    return EXIT.ok;
  },
);

const history = daemonCommand(
  'history <name>',
  'Show the decisions about a service in the last hours, with their reasons',
  (yargs) =>
    withNameArgument(yargs)
      .option('figures', { type: 'boolean', default: false, describe: 'show the figures of each minute instead' })
      .example('$0 service history shop', '')
      .example('$0 service history --figures shop', 'requests held, wakes, instances, failures of each minute'),
  async (client, { name, figures: showsFigures, json }) => {
    const { decisions, figures } = await client.serviceHistory(name);
    if (showsFigures) print(json, figures, () => figuresTable(figures));
    else print(json, decisions, () => historyTable(decisions));
    return EXIT.ok;
  },
);

/** The commands of `niwa service`. */
export const SERVICE_COMMANDS = [apply, ls, inspect, rm, wake, scale, logs, history] as AnyCommand[];

export const service: CommandModule<Common, Common> = {
  command: 'service <command>',
  describe: 'Apply, list, wake, scale and remove services, whose requests wake containers',
  builder: (yargs: Argv<Common>) =>
    SERVICE_COMMANDS.reduce((all, one) => all.command(one), yargs).demandCommand(1, 'Name a command of service.'),
  handler: () => {},
};
