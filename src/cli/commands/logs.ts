import type { Argv } from 'yargs';
import { type Common, daemonCommand, withId } from '../command.js';
import { lineStamper, printLogs, writeAsIs } from '../print-logs.js';
import { toCount } from '../values.js';

const STREAMS = ['stdout', 'stderr'] as const;

/** The options that select a part of the output. @param follow says what --follow does */
export function withLogOptions<O extends Common>(yargs: Argv<O>, follow: string) {
  return yargs
    .option('follow', { alias: 'f', type: 'boolean', default: false, describe: follow })
    .option('since', { type: 'string', describe: 'from a time on, or so long before now: 10m, or 600 (seconds)' })
    .option('until', { type: 'string', describe: 'before a time, or so long before now' })
    .option('tail', { alias: 'n', type: 'string', describe: 'only so many of the last lines, or all' })
    .option('timestamps', { alias: 't', type: 'boolean', default: false, describe: 'each line with its time' })
    .option('stream', { type: 'string', choices: STREAMS, describe: 'only this one' });
}

export const logs = daemonCommand(
  'logs <id>',
  'Show the stored output of a container, on standard output and standard error',
  (yargs) =>
    withLogOptions(withId(yargs), 'go on until it has exited')
      .example('$0 logs -f --tail 10 web', 'the last ten lines, and what follows')
      .example('$0 logs -t --since 10m --stream stderr web', 'the errors of the last ten minutes')
      .example('$0 logs --since 2026-11-23T13:57:00Z --until 2026-11-23T13:58:00Z web', 'one minute'),
  async (client, { id, follow, since, until, timestamps, stream, json, ...options }) => {
    const tail = tailOf(options.tail);
    const chunks = client.logs(id, { follow, since, until, tail, stream });
    if (json) {
      for await (const { data, ...chunk } of chunks)
        process.stdout.write(`${JSON.stringify({ ...chunk, data: data.toString('base64') })}\n`);
      return;
    }
    await printLogs(chunks, timestamps ? lineStamper() : writeAsIs);
  },
);

/** Gives the number of lines of --tail; undefined for all of them. @throws NiwaError SPEC_INVALID */
export function tailOf(text: string | undefined): number | undefined {
  return text === undefined || text === 'all' ? undefined : toCount('--tail', text, 0, ', or all');
}
