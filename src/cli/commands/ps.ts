import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { ListFilter, NiwaClient } from '../../client/client.js';
import { collect } from '../../client/streams.js';
import type { ContainerStatus } from '../../protocol/container.js';
import { type Common, daemonCommand, print, printArray, withFilter } from '../command.js';
import { containerFormat } from '../container-format.js';
import { FILTERED, hasState, parseFilters, STATE_WORDS } from '../filters.js';
import { FORMAT_WORDS, type Format } from '../format/format.js';
import { psTable, SHOWN } from '../ps-table.js';
import { toCount } from '../values.js';

const withPs = (yargs: Argv<Common>) =>
  withFilter(yargs)
    .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'also exited containers' })
    .option('state', { type: 'string', describe: `only containers in this state: ${STATE_WORDS.join(', ')}` })
    .option('filter', {
      alias: 'f',
      type: 'string',
      array: true,
      nargs: 1,
      default: [],
      describe:
        'NAME=VALUE, as of docker ps: status, exited (a code), name, id, label, owner, service, ancestor (an image), network, volume, publish',
    })
    .option('last', { alias: 'n', type: 'string', describe: 'the newest so many containers, also exited ones' })
    .option('latest', { type: 'boolean', default: false, describe: 'the newest container; -l is --label here' })
    .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only ids' })
    .option('wide', {
      type: 'boolean',
      default: false,
      describe: 'also services, images, networks, addresses, ports, ids of engines',
    })
    .option('trunc', { type: 'boolean', default: true, describe: 'cut long commands; --no-trunc writes them whole' })
    .option('format', { type: 'string', default: 'table', describe: FORMAT_WORDS })
    .example('$0 ps -a --owner alice', '')
    .example('$0 ps --service shop', 'the instances of a service')
    .example('$0 ps -l tier=front -l job=42', 'containers with both labels')
    .example('$0 ps --filter status=exited --filter exited=1', 'those that have failed')
    .example("$0 ps -a --format '{{.id}} {{.exit.code}}'", 'fields by their names in the API');

type PsOptions = ArgumentsCamelCase<ReturnType<typeof withPs> extends Argv<infer O> ? O : never>;

export const ps = daemonCommand('ps', 'List containers', withPs, async (client, options) => {
  const format = await containerFormat(options.format);
  const found = await chosen(client, options, options.json ? null : fieldsFor(options, format));
  if (options.json) await printArray(found);
  else if (options.quiet) await printLines(found, ({ id }) => id);
  else if (format?.table === null) await printLines(found, format.line);
  else {
    const rows = await collect(found);
    const { wide, trunc } = options;
    print(false, rows, () => format?.table?.(rows) ?? psTable(rows, Date.now(), { wide, whole: !trunc }));
  }
});

type FieldName = keyof ContainerStatus;

function fieldsFor({ quiet, filter, state }: PsOptions, format: Format | null): FieldName[] | null {
  const shown = quiet ? ['id'] : format === null ? SHOWN : format.fields;
  if (shown === null) return null;
  const fields = [...shown, ...(filter.length > 0 || state !== undefined ? FILTERED : [])];
  return (fields.length > 0 ? [...new Set(fields)] : ['id']) as FieldName[];
}

/**
 * Gives the containers that all options choose, in the order of their creation. niwad looks for owner, service, labels
 * and life, this process for the rest.
 * @param fields of each; null for all
 */
async function chosen(
  client: NiwaClient,
  { all, owner, service, label, state, filter, last, latest }: PsOptions,
  fields: FieldName[] | null,
): Promise<AsyncIterable<ContainerStatus>> {
  const count = last === undefined ? (latest ? 1 : undefined) : toCount('--last', last, 1);
  const tests = [parseFilters(filter), ...(state === undefined ? [] : [hasState(state, '--state')])];
  const namesState = state !== undefined || filter.some((one) => /^(status|exited)=/.test(one));
  const withEnded = all || namesState || count !== undefined;
  const query: ListFilter = { owner, service, label, ...(withEnded ? {} : { state: 'live' as const }) };
  const listed =
    fields === null ? client.containers(query) : (client.containers(query, fields) as AsyncGenerator<ContainerStatus>);
  const fitting = those(listed, (container) => tests.every((test) => test(container)));
  return count === undefined ? fitting : newest(fitting, count);
}

async function* those<T>(all: AsyncIterable<T>, test: (one: T) => boolean): AsyncGenerator<T> {
  for await (const one of all) if (test(one)) yield one;
}

async function* newest<T>(all: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  yield* (await collect(all)).slice(-count);
}

async function printLines<T>(values: AsyncIterable<T>, line: (value: T) => string): Promise<void> {
  for await (const value of values) process.stdout.write(`${line(value)}\n`);
}
