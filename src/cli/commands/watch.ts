import type { Readiness } from '../../protocol/container.js';
import { EVENT_TYPES } from '../../protocol/event-types.js';
import type { EventLine } from '../../protocol/events.js';
import type { Stats } from '../../protocol/stats.js';
import { formatDuration } from '../../protocol/units.js';
import { askAll, daemonCommand, print, withFilter, withIds } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { screenOf } from '../screen.js';
import { statsTable } from '../stats-table.js';
import type { Table } from '../table.js';
import { escaped } from '../text.js';
import { toCount } from '../values.js';

/** The commands that only watch: waiting, readings, events. */

export const wait = daemonCommand(
  'wait <id..>',
  'Wait until containers have exited; print their exit statuses',
  (yargs) =>
    withIds(yargs)
      .option('ready', {
        type: 'boolean',
        default: false,
        describe: 'wait until the containers are ready; fail if a readiness check fails',
      })
      .example('$0 wait web', '')
      .example('$0 wait --ready web', 'prints the time from the start until it was ready'),
  async (client, { id, ready, json }) => {
    if (ready) {
      const { answers, status } = await askAll(id, json, (one) => client.waitReady(one));
      print(json, answers, () => answers.map(readyWords).join('\n'));
      return answers.every(({ state }) => state === 'ready') ? status : EXIT.failed;
    }
    const { answers, status } = await askAll(id, json, (one) => client.wait(one));
    print(json, answers, () => answers.map(({ code, signal }) => code ?? signal).join('\n'));
    return status;
  },
);

function readyWords({ state, took_usec }: Readiness): string {
  return took_usec === null ? state : `${state} after ${formatDuration(took_usec)}`;
}

const CLEAR_SCREEN = '\x1b[H\x1b[2J';

/** Prints a table; on a terminal in place of the one before. */
function showReading(table: Table): void {
  const text = table.text(screenOf(process.stdout));
  process.stdout.write(`${process.stdout.isTTY ? CLEAR_SCREEN : ''}${text}\n`);
}

export const stats = daemonCommand(
  'stats [id..]',
  'Show the use of containers each second',
  (yargs) =>
    yargs
      .positional('id', { type: 'string', array: true, describe: 'ids of containers (default: all)' })
      .option('stream', {
        type: 'boolean',
        default: true,
        describe: 'show a reading each second; --no-stream for one reading',
      })
      .example('$0 stats --no-stream web', '')
      .example('$0 stats --json', 'a line of JSON each second'),
  async (client, { id = [], stream, json }) => {
    const chosen = (all: Stats[]) => all.filter((one) => id.length === 0 || id.includes(one.id));
    if (!stream) {
      const { answers, status } =
        id.length > 0
          ? await askAll(id, json, (one) => client.stats(one))
          : { answers: await client.allStats(), status: EXIT.ok };
      print(json, answers, () => (answers.length > 0 || id.length === 0 ? statsTable(answers) : ''));
      return status;
    }
    const { answers: known, status } = await askAll(id, json, (one) => client.inspect(one)); // tells unknown ids
    if (id.length > 0 && known.length === 0) return status;
    for await (const readings of client.streamAllStats()) {
      if (id.length > 0 && chosen(readings).length === 0) break; // all containers of the command line have ended
      if (json) process.stdout.write(`${escaped(JSON.stringify(chosen(readings)))}\n`);
      else showReading(statsTable(chosen(readings)));
    }
    return status;
  },
);

export const events = daemonCommand(
  'events [id..]',
  'Show what happens to containers and services, as it happens',
  (yargs) =>
    withFilter(yargs)
      .positional('id', { type: 'string', array: true, describe: 'only events of these containers or services' })
      .option('since', {
        type: 'string',
        describe: 'begin with the kept events since this time, or of the last so long: 10m',
      })
      .option('until', {
        type: 'string',
        describe: 'end at this time; one that is past, such as 10m (ago), ends with the last kept event before it',
      })
      .option('after', { type: 'string', describe: 'begin with the kept events after the event with this number' })
      .option('type', {
        type: 'string',
        array: true,
        nargs: 1,
        choices: EVENT_TYPES,
        default: [],
        describe: 'only events of this type; may be repeated',
      })
      .example('$0 events --json', 'each event as a line of JSON, with its number')
      .example('$0 events --since 10m --type exit --owner alice', 'ends of the last ten minutes, then new ends')
      .example('$0 events --since 1h --until 0s', 'what is kept of the last hour, then it ends')
      .example('$0 events --service shop', 'events of a service and of its instances')
      .example('$0 events --after 4711 web', 'events of one container after event 4711'),
  async (client, { id = [], since, until, type, owner, service, label, json, ...options }) => {
    const after = options.after === undefined ? undefined : toCount('--after', options.after, 0);
    for await (const event of client.events({ after, since, until, id, type: [...type], owner, service, label })) {
      process.stdout.write(`${escaped(json ? JSON.stringify(event) : eventWords(event))}\n`);
    }
  },
);

function eventWords(event: EventLine): string {
  if (event.type === 'gap') return `events ${event.from} to ${event.to} are missing`;
  const words = `${event.at} ${event.type} ${event.id}`;
  if ('why' in event) return `${words} ${[event.instance, event.why].filter((word) => word !== null).join(': ')}`;
  if (event.type === 'exec-started') return `${words} ${event.exec.id}`;
  if (event.type === 'exec-ended') return `${words} ${event.exec.id} ${event.exec.signal ?? event.exec.code}`;
  return event.type === 'exit' ? `${words} ${event.exit.reason} ${event.exit.signal ?? event.exit.code}` : words;
}
