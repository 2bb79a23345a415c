import type { NiwaClient } from '../../client/client.js';
import { daemonCommand, print } from '../command.js';
import { statusOfExit, statusOfFailedRun } from '../exit-codes.js';
import { printLogs, writeAsIs } from '../print-logs.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

export const run = daemonCommand(
  'run [command..]',
  'Create and start a container; show its output and end as it ends',
  (yargs) =>
    withSpec(yargs)
      .option('detach', { alias: 'd', type: 'boolean', default: false, describe: 'print the id and leave it running' })
      .option('rm', { type: 'boolean', default: false, describe: 'forget it when it has ended (without --detach)' })
      .example("$0 run --cpus 0.5 --lifetime 2s -- sh -c 'while :; do :; done'", 'half a processor for two seconds')
      .example('$0 run -d -p 8080:80 -- python3 -m http.server 80', 'reached through port 8080 of the host')
      .example('$0 run -d --name web --memory 64M --owner alice -- python3 -m http.server', 'in the background'),
  async (client, options) => {
    const spec = await specOf(options);
    if (options.detach) {
      const status = await client.create(spec, { start: true });
      print(options.json, status, () => status.id);
      return 0;
    }
    const { id } = await client.create(spec);
    const status = await runInForeground(client, id);
    if (options.rm) await client.remove(id);
    return status;
  },
  statusOfFailedRun,
);

/** Starts a created container, passes its output and our signals on, and gives its exit status. */
async function runInForeground(client: NiwaClient, id: string): Promise<number> {
  const output = printLogs(client.logs(id, { follow: true }), writeAsIs);
  const handlers = FORWARDED.map((signal) => {
    const forward = () => void client.kill(id, signal).catch(() => {}); // it may have ended just now
    process.on(signal, forward);
    return [signal, forward] as const;
  });
  try {
    await client.start(id);
  } catch (error) {
    await Promise.allSettled([client.remove(id), output]);
    throw error;
  }
  const [exit] = await Promise.all([client.wait(id), output]);
  for (const [signal, forward] of handlers) process.off(signal, forward);
  return statusOfExit(exit);
}
