import { daemonCommand, forEach, print, tellWarnings, withIds } from '../command.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';

/** The commands that change the state of containers. */

export const create = daemonCommand(
  'create [command..]',
  'Create a container that waits to be started',
  (yargs) => withSpec(yargs).example('$0 create --name web -f spec.yaml', 'from a file'),
  async (client, options) => {
    const status = await client.create(await specOf(options));
    tellWarnings(status);
    print(options.json, status, () => status.id);
  },
);

export const start = daemonCommand(
  'start <id..>',
  'Start created containers',
  (yargs) => withIds(yargs).example('$0 start web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.start(one)),
);

export const stop = daemonCommand(
  'stop <id..>',
  'Stop containers: the stop signal, and after the timeout the kill',
  (yargs) =>
    withIds(yargs)
      .option('timeout', { alias: 't', type: 'string', describe: "instead of the container's own stop timeout" })
      .option('signal', { alias: 's', type: 'string', describe: "instead of the container's own stop signal" })
      .example('$0 stop -t 3s web', 'kill it after three seconds'),
  (client, { id, json, timeout, signal }) => {
    const options = { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
    return forEach(id, json, (one) => client.stop(one, options));
  },
);

export const kill = daemonCommand(
  'kill <id..>',
  'Send a signal to the first process of containers',
  (yargs) =>
    withIds(yargs)
      .option('signal', { alias: 's', type: 'string', default: 'SIGKILL', describe: 'a name or a number' })
      .example('$0 kill -s HUP web', ''),
  (client, { id, json, signal }) => forEach(id, json, (one) => client.kill(one, signal)),
);

export const pause = daemonCommand(
  'pause <id..>',
  'Freeze every process of containers',
  (yargs) => withIds(yargs).example('$0 pause web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.pause(one)),
);

export const resume = daemonCommand(
  'resume <id..>',
  'Let paused containers go on',
  (yargs) => withIds(yargs).example('$0 resume web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.resume(one)),
);

export const rm = daemonCommand(
  'rm <id..>',
  'Forget exited containers',
  (yargs) =>
    withIds(yargs)
      .option('force', { type: 'boolean', default: false, describe: 'kill those that run' })
      .example('$0 rm --force web', ''),
  (client, { id, json, force }) =>
    forEach(id, json, async (one) => {
      await client.remove(one, { force });
      return undefined;
    }),
);
