import type { Argv } from 'yargs';
import { type Common, daemonCommand, withId } from '../command.js';
import { lineStamper, printLogs, writeAsIs } from '../print-logs.js';
import { toCount } from '../values.js';

const STREAMS = ['stdout', 'stderr'] as const;

/** The options that select a part of the output. @param follow says what --follow does */
export function withLogOptions<O extends Common>(yargs: Argv<O>, follow: string) {
  return yargs
    .option('follow', { alias: 'f', type: 'boolean', default: false, describe: follow })
    .option('since', {
      type: 'string',
      describe: 'only output since this time, or of the last so long: 10m, or 600 (seconds)',
    })
    .option('until', { type: 'string', describe: 'only output before this time, or until so long ago' })
    .option('tail', { alias: 'n', type: 'string', describe: 'only this many of the last lines; all for every line' })
    .option('timestamps', { alias: 't', type: 'boolean', default: false, describe: 'print the time of each line' })
    .option('stream', { type: 'string', choices: STREAMS, describe: 'only this stream' });
}

export const logs = daemonCommand(
  'logs <id>',
  'Show the stored output of a container, on standard output and standard error',
  (yargs) =>
    withLogOptions(withId(yargs), 'show new output until the container has exited')
      .example('$0 logs -f --tail 10 web', 'the last ten lines, then new output')
      .example('$0 logs -t --since 10m --stream stderr web', 'standard error of the last ten minutes')
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
