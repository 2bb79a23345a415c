import type { Argv } from 'yargs';
import type { NiwaClient } from '../../client/client.js';
import type { ContainerStatus } from '../../protocol/container.js';
import { NiwaError } from '../../protocol/errors.js';
import { type Common, daemonCommand, forEach, print, tellWarnings, withIds } from '../command.js';
import { refuseImageWord } from '../image-word.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';

/** The commands that change the state of containers. */

export const create = daemonCommand(
  'create [command..]',
  'Create a container; `niwa start` starts it',
  (yargs) => withSpec(yargs).example('$0 create --name web -f spec.yaml', 'with the spec of a file'),
  async (client, options) => {
    const spec = await specOf(options);
    await refuseImageWord(client, spec);
    const status = await client.create(spec);
    tellWarnings(status);
    print(options.json, status, () => status.id);
  },
);

export const start = daemonCommand(
  'start <id..>',
  'Start containers that were created or have ended',
  (yargs) => withIds(yargs).example('$0 start web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.start(one)),
);

export const stop = daemonCommand(
  'stop <id..>',
  'Stop containers: send the stop signal, and SIGKILL after the stop timeout; nothing is done to one that has ended',
  (yargs) => withStop(yargs).example('$0 stop -t 3s web', 'SIGKILL after three seconds'),
  (client, { id, json, ...given }) => forEach(id, json, (one) => stopOne(client, one, stopOf(given))),
);

/** Stops a container. One that has ended is as it should be: scripts stop what may have ended by itself. */
async function stopOne(client: NiwaClient, id: string, options: ReturnType<typeof stopOf>): Promise<ContainerStatus> {
  try {
    return await client.stop(id, options);
  } catch (error) {
    const isConflict = error instanceof NiwaError && error.code === 'STATE_CONFLICT';
    const status = isConflict ? await client.inspect(id).catch(() => null) : null;
    if (status?.state !== 'exited') throw error;
    return status;
  }
}

export const restart = daemonCommand(
  'restart <id..>',
  'Stop containers and start them again; start those that have ended',
  (yargs) => withStop(yargs).example('$0 restart web', 'a further run of the same spec'),
  (client, { id, json, ...given }) => forEach(id, json, (one) => client.restart(one, stopOf(given))),
);

/** Declares the ids, and how the containers are stopped. */
function withStop(yargs: Argv<Common>) {
  return withIds(yargs)
    .option('timeout', {
      alias: 't',
      type: 'string',
      describe: "the time until SIGKILL (default: the container's stop timeout)",
    })
    .option('signal', {
      alias: 's',
      type: 'string',
      describe: "the signal to send (default: the container's stop signal)",
    });
}

function stopOf({ timeout, signal }: { timeout?: string | undefined; signal?: string | undefined }) {
  return { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
}

export const kill = daemonCommand(
  'kill <id..>',
  'Send a signal to the first process of containers',
  (yargs) =>
    withIds(yargs)
      .option('signal', {
        alias: 's',
        type: 'string',
        default: 'SIGKILL',
        describe: 'the name or number of the signal',
      })
      .example('$0 kill -s HUP web', ''),
  (client, { id, json, signal }) => forEach(id, json, (one) => client.kill(one, signal)),
);

export const pause = daemonCommand(
  'pause <id..>',
  'Freeze all processes of containers',
  (yargs) => withIds(yargs).example('$0 pause web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.pause(one)),
);

export const resume = daemonCommand(
  'resume <id..>',
  'Resume paused containers',
  (yargs) => withIds(yargs).example('$0 resume web', ''),
  (client, { id, json }) => forEach(id, json, (one) => client.resume(one)),
);

export const rm = daemonCommand(
  'rm <id..>',
  'Remove exited containers and their logs',
  (yargs) =>
    withIds(yargs)
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'kill running containers first' })
      .example('$0 rm --force web', ''),
  (client, { id, json, force }) =>
    forEach(id, json, async (one) => {
      await client.remove(one, { force });
      return undefined;
    }),
);
