import { availableParallelism, hostname, totalmem } from 'node:os';
import type { NiwaClient } from '../../client/client.js';
import { withResolvers } from '../../turns/with-resolvers.js';
import { daemonCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { wantsColours } from '../screen.js';
import { escaped } from '../text.js';
import { Feed } from '../top/feed.js';
import { press } from '../top/keys.js';
import { initialModel, learn, type Model, type News, type Screen } from '../top/model.js';
import { type Order, SORT_KEYS } from '../top/order.js';
import { figuresOf } from '../top/row.js';
import { Terminal } from '../top/terminal.js';
import { plainText, view } from '../top/view.js';
import { toCount } from '../values.js';

const TICK_MS = 1000;

export const top = daemonCommand(
  'top [id]',
  'Show the use of all containers on a full screen; print it once if the output is no terminal',
  (yargs) =>
    yargs
      .positional('id', { type: 'string', describe: 'only this container: the same as --filter' })
      .option('sort', {
        alias: 's',
        type: 'string',
        choices: SORT_KEYS,
        default: 'cpu' as const,
        describe: 'the column to sort by, the largest value first',
      })
      .option('reverse', { alias: 'r', type: 'boolean', default: false, describe: 'reverse the order' })
      .option('filter', {
        type: 'string',
        default: '',
        describe: 'only containers with this text in their id, that of their engine, their owner or labels',
      })
      .option('frames', {
        alias: 'n',
        type: 'string',
        describe: 'print this many readings as text, then end (1 if the output is no terminal)',
      })
      .example('$0 top', 'full screen; the key h shows all keys')
      .example('$0 top -n 3 --sort memory', 'three readings as text')
      .example('$0 top --filter alice | head -20', 'one reading of the containers of alice')
      .example('$0 top --json', 'one reading as a line of JSON'),
  async (client, { id, socket, sort, reverse, filter, frames, json }) => {
    const model = initialModel(thisHost(), screenOf(process.stdout), {
      sort,
      reverse,
      filter: id ?? filter,
    } satisfies Order);
    const count = frames === undefined ? undefined : toCount('--frames', frames, 1);
    const live = count === undefined && !json && canBeFull();
    await (live ? watch(client, socket, model) : printFrames(client, model, count ?? 1, json ? jsonText : blockText));
    return EXIT.ok;
  },
);

/** Shows full screens until the user quits. */
async function watch(client: NiwaClient, socket: string, initial: Model): Promise<void> {
  await client.info(); // if no niwad answers, this throws an error before the screen is opened
  let model = initial;
  let drawing = false;
  const { promise: end, resolve: finish } = withResolvers<NodeJS.Signals | null>();
  const draw = () => {
    drawing = false;
    terminal.draw(view(model));
  };
  const become = (next: Model) => {
    model = next;
    feed.detail(model.page === 'details' ? model.selected : null);
    if (model.done) finish(null);
    if (!drawing) setImmediate(draw); // changes that arrive before the callback are drawn in the same frame
    drawing = true;
  };
  const hear = (news: News) => become(learn(model, news, Date.now()));
  const feed = new Feed(socket, hear);
  const terminal = new Terminal(process.stdin, process.stdout, wantsColours(process.env), {
    key: (key) => become(press(model, key)),
    resized: () => hear({ type: 'screen', screen: screenOf(process.stdout) }),
    ended: finish,
  });
  const ticks = setInterval(() => hear({ type: 'tick' }), TICK_MS);
  try {
    terminal.open();
    void feed.run();
    const signal = await end;
    terminal.close();
    if (signal !== null) process.kill(process.pid, signal); // niwa ends by the signal, as if it had no handler
  } finally {
    clearInterval(ticks);
    feed.stop();
    terminal.close();
  }
}

/** Prints `frames` readings, as they come. */
async function printFrames(
  client: NiwaClient,
  initial: Model,
  frames: number,
  textOf: (model: Model, first: boolean) => string,
): Promise<void> {
  let model = learn(initial, { type: 'connected', version: (await client.info()).version }, Date.now());
  let left = frames;
  for await (const stats of client.streamAllStats()) {
    const news: News[] = [
      { type: 'statuses', statuses: await client.list() },
      { type: 'services', services: await client.services() },
      { type: 'drain', drain: await client.drainStatus() },
      { type: 'stats', stats },
    ];
    model = news.reduce((before, one) => learn(before, one, Date.now()), model);
    process.stdout.write(textOf(model, left === frames));
    if (--left <= 0) break;
  }
}

function blockText(model: Model, first: boolean): string {
  return `${first ? '' : '\n'}${plainText(model)}\n`;
}

/** One line of JSON: the rows in their order, with the names and units of the API. */
function jsonText({ shown, now }: Model): string {
  const containers = shown.filter(({ service }) => service === null);
  const rows = containers.map((row) => {
    const figures = figuresOf(row, now);
    return {
      id: row.id,
      state: row.state,
      owner: row.status?.spec.owner ?? null,
      service: row.status?.spec.service?.name ?? null,
      cpu: figures.cpu,
      cpu_max: figures.cpuMax,
      throttled: figures.throttled,
      memory_bytes: figures.memoryBytes,
      memory_max_bytes: figures.memoryMaxBytes,
      rbytes_per_second: figures.readPerSecond,
      wbytes_per_second: figures.writtenPerSecond,
      rx_bytes_per_second: figures.receivedPerSecond,
      tx_bytes_per_second: figures.sentPerSecond,
      pressure: figures.pressure,
      left_ms: figures.leftMs,
    };
  });
  return `${escaped(JSON.stringify(rows))}\n`;
}

function thisHost() {
  return { name: hostname(), processors: availableParallelism(), memoryBytes: totalmem() };
}

function screenOf({ columns = 80, rows = 24 }: NodeJS.WriteStream): Screen {
  const locale = process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || '';
  return { columns, rows, unicode: /utf-?8/i.test(locale) };
}

/** Whether standard input and output are a terminal that can show full screens and send keys. */
function canBeFull(): boolean {
  return process.stdout.isTTY === true && process.stdin.isTTY === true && process.env.TERM !== 'dumb';
}
