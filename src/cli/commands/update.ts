import { NiwaError } from '../../protocol/errors.js';
import { daemonCommand, forEach, withIds } from '../command.js';
import { toResources, withLimits } from '../options/limits.js';

export const update = daemonCommand(
  'update <id..>',
  'Change the limits or the lifetime of live containers',
  (yargs) =>
    withLimits(withIds(yargs))
      .option('lifetime', { type: 'string', describe: 'the new lifetime, counted from the start; none for no limit' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'allow a memory limit below the memory in use, which kills the container',
      })
      .option('remaining', { type: 'string', conflicts: 'lifetime', describe: 'end the lifetime this long from now' })
      .example('$0 update web --cpus 2 --memory 1G', 'more processor time and memory')
      .example('$0 update web --remaining 30s', 'stop the container in 30 seconds'),
  async (client, options) => {
    const { id, lifetime, remaining, force, json } = options;
    const resources = toResources(options);
    if (resources === undefined && lifetime === undefined && remaining === undefined)
      throw new NiwaError(
        'SPEC_INVALID',
        'nothing to change: name a limit, --lifetime or --remaining; see niwa update --help',
      );
    return await forEach(id, json, async (one) => {
      if (resources !== undefined) await client.update(one, resources, force ? { force } : {});
      if (lifetime !== undefined) await client.setLifetime(one, { lifetime: lifetime === 'none' ? null : lifetime });
      if (remaining !== undefined) await client.setLifetime(one, { remaining });
      return await client.inspect(one);
    });
  },
);
