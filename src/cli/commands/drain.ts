import { setTimeout as sleep } from 'node:timers/promises';
import type { NiwaClient } from '../../client/client.js';
import { NiwaError } from '../../protocol/errors.js';
import type { DrainStatus } from '../../protocol/host.js';
import { formatDuration } from '../../protocol/units.js';
import { daemonCommand, print } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { toDuration } from '../values.js';

const POLL_MS = 1000;
const MOST_NAMES = 5;

export const drain = daemonCommand(
  'drain',
  'Empty this node: refuse new containers, and wait until the running ones have ended',
  (yargs) =>
    yargs
      .option('wait', {
        type: 'boolean',
        default: true,
        describe: 'wait until all containers have ended, and show how many are left; --no-wait returns at once',
      })
      .option('timeout', { alias: 't', type: 'string', describe: 'stop the containers that are left after this time' })
      .option('undo', { type: 'boolean', default: false, describe: 'accept new containers again' })
      .example('$0 drain --timeout 10m', 'before maintenance: no container runs when it returns')
      .example('$0 drain --undo', 'after maintenance'),
  async (client, { wait, timeout, undo, json }) => {
    const deadline =
      timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + toDuration('--timeout', timeout) / 1000;
    let status = await (undo ? client.undrain() : client.drain());
    const tell = () => print(json, status, () => drainText(status, Date.now()));
    tell();
    while (wait && status.draining && status.remaining > 0) {
      await sleep(Math.min(POLL_MS, Math.max(0, deadline - Date.now())));
      if (Date.now() >= deadline) await stopAll(client);
      const before = status;
      status = await client.drainStatus();
      if (status.remaining !== before.remaining || status.ends_at !== before.ends_at) tell();
    }
    if (wait && !undo && !status.draining)
      throw new NiwaError('STATE_CONFLICT', 'the drain was ended by another command');
    return EXIT.ok;
  },
);

/** Describes the progress of a drain in words; `now` in milliseconds since 1970. */
export function drainText({ draining, remaining, ends_at, without_lifetime }: DrainStatus, now: number): string {
  if (!draining) return 'not draining: new containers are taken';
  if (remaining === 0) return 'drained';
  const names = without_lifetime.slice(0, MOST_NAMES).join(', ');
  const more = without_lifetime.length > MOST_NAMES ? `, and ${without_lifetime.length - MOST_NAMES} more` : '';
  return [
    `${remaining} left`,
    ...(ends_at === null
      ? []
      : [`the last lifetime ends in ${formatDuration(Math.max(0, Date.parse(ends_at) - now) * 1000)}`]),
    ...(names === '' ? [] : [`without a lifetime: ${names}${more}`]),
  ].join('; ');
}

async function stopAll(client: NiwaClient): Promise<void> {
  const live = await client.list({ state: 'live' });
  await Promise.allSettled(live.map(({ id }) => client.stop(id)));
}
