import type { Argv } from 'yargs';
import type { NiwaClient } from '../../client/client.js';
import { NiwaError } from '../../protocol/errors.js';
import { parseMoment } from '../../protocol/moment.js';
import { type Common, daemonCommand, fail, print } from '../command.js';
import { isConfirmed } from '../confirm.js';
import { EXIT, statusOfError } from '../exit-codes.js';
import { wrong } from '../values.js';

/** The options of the commands that remove what nothing uses. */
export function withForce(yargs: Argv<Common>) {
  return yargs.option('force', {
    alias: ['f', 'yes', 'y'],
    type: 'boolean',
    default: false,
    describe: 'do not ask; without a terminal nobody is asked',
  });
}

export const prune = daemonCommand(
  'prune',
  'Remove containers that have ended and do not wait for a restart; their usage records stay',
  (yargs) =>
    withForce(yargs)
      .option('filter', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'only those that fit: owner=NAME, service=NAME, label=NAME=VALUE, until=24h (ended longer ago)',
      })
      .example('$0 prune', '')
      .example(
        '$0 prune -f --filter until=24h --filter owner=alice',
        'of alice, those that ended a day ago or earlier',
      ),
  async (client, { filter, force, json }) => {
    const { until, ...query } = toSelection(filter, Date.now());
    const what = filter.length === 0 ? 'all ended containers' : `the ended containers that fit ${filter.join(' ')}`;
    if (!(await isConfirmed(what, force))) return EXIT.failed;
    const removed: string[] = [];
    let status: number = EXIT.ok;
    const fields = ['id', 'exit', 'restarts'] as const;
    for await (const { id, exit, restarts } of client.containers({ state: 'exited', ...query }, fields)) {
      if (restarts.next_at !== null) continue; // its policy starts it again
      if (until !== undefined && (exit?.at ?? '') > until) continue;
      try {
        if (await remove(client, id)) removed.push(id);
      } catch (error) {
        status = fail(error, json, statusOfError);
      }
    }
    print(json, { removed }, () => removed.join('\n'));
    return status;
  },
);

/** Removes a container; gives false where it is gone already. */
async function remove(client: NiwaClient, id: string): Promise<boolean> {
  try {
    await client.remove(id);
    return true;
  } catch (error) {
    if (error instanceof NiwaError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

/** Reads the values of --filter. @param now in milliseconds since 1970 @throws NiwaError SPEC_INVALID */
function toSelection(filters: readonly string[], now: number) {
  const selection: { owner: string[]; service: string[]; label: string[]; until?: string } = {
    owner: [],
    service: [],
    label: [],
  };
  for (const text of filters) {
    const [, key = '', value = ''] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
    const moment = key === 'until' ? parseMoment(value, now) : undefined;
    if (moment !== undefined) selection.until = moment;
    else if (key === 'owner' || key === 'service' || (key === 'label' && value.includes('=')))
      selection[key].push(value);
    else wrong('--filter', text, 'owner=NAME, service=NAME, label=NAME=VALUE, or until=24h or a time');
  }
  return selection;
}
