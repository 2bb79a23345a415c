import type { Readiness } from '../../protocol/container.js';
import { EVENT_TYPES } from '../../protocol/event-types.js';
import type { EventLine } from '../../protocol/events.js';
import type { Stats } from '../../protocol/stats.js';
import { formatDuration } from '../../protocol/units.js';
import { daemonCommand, print, withFilter, withIds } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { statsTable } from '../stats-table.js';
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
      const answers = await Promise.all(id.map((one) => client.waitReady(one)));
      print(json, answers, () => answers.map(readyWords).join('\n'));
      return answers.every(({ state }) => state === 'ready') ? EXIT.ok : EXIT.failed;
    }
    const exits = await Promise.all(id.map((one) => client.wait(one)));
    print(json, exits, () => exits.map(({ code, signal }) => code ?? signal).join('\n'));
    return EXIT.ok;
  },
);

function readyWords({ state, took_usec }: Readiness): string {
  return took_usec === null ? state : `${state} after ${formatDuration(took_usec)}`;
}

const CLEAR_SCREEN = '\x1b[H\x1b[2J';

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
      const readings = id.length > 0 ? await Promise.all(id.map((one) => client.stats(one))) : await client.allStats();
      print(json, readings, () => statsTable(readings));
      return EXIT.ok;
    }
    for (const one of id) await client.inspect(one); // an unknown id is an error, instead of an empty table
    for await (const readings of client.streamAllStats()) {
      if (id.length > 0 && chosen(readings).length === 0) break; // all containers of the command line have ended
      const text = escaped(json ? JSON.stringify(chosen(readings)) : statsTable(chosen(readings)));
      process.stdout.write(`${process.stdout.isTTY && !json ? CLEAR_SCREEN : ''}${text}\n`);
    }
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
  return event.type === 'exit' ? `${words} ${event.exit.reason} ${event.exit.signal ?? event.exit.code}` : words;
}
