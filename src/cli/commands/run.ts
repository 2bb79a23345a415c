import type { NiwaClient } from '../../client/client.js';
import { NiwaError } from '../../protocol/errors.js';
import type { SpecInput } from '../../protocol/spec.js';
import { tellStarted, withBackground } from '../background.js';
import { daemonCommand, tellWarnings } from '../command.js';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.js';
import { statusOfExit, statusOfFailedRun } from '../exit-codes.js';
import { FORWARDED } from '../forwarded.js';
import { refuseImageWord, withImageLine } from '../image-word.js';
import { printLogs, writeAsIs } from '../print-logs.js';
import { specOf } from '../spec-file.js';
import { withSpec } from '../spec-options.js';
import { passThrough, requireTerminal, type SessionOptions } from '../terminal.js';
import { detached } from './exec.js';

export const run = daemonCommand(
  'run [command..]',
  'Create and start a container, show its output, and exit with its exit status',
  (yargs) =>
    withBackground(withSpec(yargs))
      .option('rm', { type: 'boolean', default: false, describe: 'remove the container when it has ended' })
      .option('interactive', {
        alias: 'i',
        type: 'boolean',
        default: false,
        describe: 'pass standard input to the container, or with -t the keyboard to its terminal',
      })
      .option('detach-keys', {
        type: 'string',
        default: DEFAULT_DETACH_KEYS,
        describe: 'with -it: the keys that leave the container while it runs on; "" for none',
      })
      .example('$0 run -it --name shell -- sh', 'a shell with a terminal')
      .example('$0 run -i --rm -- wc', 'the container reads the standard input')
      .example("$0 run --cpus 0.5 --lifetime 2s -- sh -c 'while :; do :; done'", 'half of a processor for two seconds')
      .example('$0 run -d -p 8080:80 -- python3 -m http.server 80', 'port 8080 of the host leads to port 80')
      .example(
        '$0 run --root app.sqfs -v /srv/data:/data:ro --tmpfs /tmp:size=16M -- /bin/app',
        'an image file and volumes',
      )
      .example('$0 run -d --name web --memory 64M --owner alice -- python3 -m http.server', 'in the background')
      .example('$0 run --wait-ready --ready http:8000/ -- python3 -m http.server', 'returns when the server answers'),
  async (client, options) => {
    const spec = withInput(await specOf(options), options.interactive);
    await refuseImageWord(client, spec);
    return await begin(client, spec, options).catch((error: unknown) => {
      throw withImageLine(error, spec);
    });
  },
  statusOfFailedRun,
);

interface RunOptions {
  detach: boolean;
  waitReady: boolean;
  rm: boolean;
  interactive: boolean;
  detachKeys: string;
  json: boolean;
}

/** Creates and starts the container as the options say; gives the exit status of niwa. */
async function begin(client: NiwaClient, spec: SpecInput, options: RunOptions): Promise<number> {
  if (options.detach || options.waitReady) return await runInBackground(client, spec, options);
  const tty = spec.process?.tty ?? false;
  const remove = options.rm || spec.autoRemove === true; // removed by this process, after all of the output is read
  if (remove && (spec.restart?.policy ?? 'no') !== 'no')
    throw new NiwaError(
      'SPEC_INVALID',
      '--rm and --restart exclude each other: a container that is removed cannot be started again',
    );
  const keys = parseDetachKeys(options.detachKeys);
  if (tty && options.interactive) requireTerminal();
  const created = await client.create({ ...spec, autoRemove: false });
  tellWarnings(created);
  const { id } = created;
  if (tty || options.interactive) {
    const exit = await runAttached(client, id, { tty, stdin: options.interactive, detachKeys: keys });
    if (exit === null) return detached(id);
    if (remove) await client.remove(id);
    return statusOfExit(exit);
  }
  const status = await runInForeground(client, id);
  if (remove) await client.remove(id);
  return status;
}

/** Starts a container that runs in the background; gives the exit status of niwa. */
async function runInBackground(
  client: NiwaClient,
  spec: SpecInput,
  { rm, waitReady, json }: { rm: boolean; waitReady: boolean; json: boolean },
): Promise<number> {
  const status = await client.create(
    { ...spec, ...(rm ? { autoRemove: true } : {}) },
    { start: true, ...(waitReady ? { ready: true } : {}) },
  );
  return tellStarted(status, { waitReady, json });
}

/** Gives the spec a standard input for `-i`; a terminal is one already. */
function withInput(spec: SpecInput, interactive: boolean): SpecInput {
  return interactive && spec.process?.tty !== true ? { ...spec, process: { ...spec.process, stdin: true } } : spec;
}

/**
 * Starts a created container whose terminal is the user's terminal, or whose standard input is that of niwa; gives how
 * the container ended, or null if the user has detached.
 */
async function runAttached(client: NiwaClient, id: string, options: SessionOptions) {
  const session = await client.attach(id); // before the start, so that the first output is not missed
  const ended = passThrough(session, options);
  try {
    await client.start(id);
  } catch (error) {
    session.close();
    await Promise.allSettled([client.remove(id), ended]);
    throw error;
  }
  return await ended;
}

/** Starts a created container, prints its output, forwards signals to it, and gives its exit status. */
async function runInForeground(client: NiwaClient, id: string): Promise<number> {
  return await inForeground(client, id, async () => void (await client.start(id)));
}

/**
 * Prints the output of a container, forwards signals to it, and gives its exit status.
 * @param start called first; if it throws, the container is removed
 */
export async function inForeground(client: NiwaClient, id: string, start: () => Promise<void>): Promise<number> {
  const output = printLogs(client.logs(id, { follow: true }), writeAsIs);
  const handlers = FORWARDED.map((signal) => {
    const forward = () => void client.kill(id, signal).catch(() => {}); // the container may have ended already
    process.on(signal, forward);
    return [signal, forward] as const;
  });
  try {
    await start();
  } catch (error) {
    await Promise.allSettled([client.remove(id), output]);
    throw error;
  }
  const [exit] = await Promise.all([client.wait(id), output]);
  for (const [signal, forward] of handlers) process.off(signal, forward);
  return statusOfExit(exit);
}
