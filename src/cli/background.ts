import type { Argv } from 'yargs';
import type { ContainerStatus } from '../protocol/container.js';
import { print, tellWarnings } from './command.js';
import { EXIT } from './exit-codes.js';

/** Adds the options of a command that may return while its container runs. */
export const withBackground = <T>(yargs: Argv<T>) =>
  yargs
    .option('detach', {
      alias: 'd',
      type: 'boolean',
      default: false,
      describe: 'run in the background: print the id and return',
    })
    .option('wait-ready', {
      type: 'boolean',
      default: false,
      describe: 'run in the background, and return when the readiness check has passed; fail if it fails',
    });

/** Tells of a container that runs in the background; gives the exit status of niwa. */
export function tellStarted(
  status: ContainerStatus,
  { waitReady, json }: { waitReady: boolean; json: boolean },
): number {
  tellWarnings(status);
  print(json, status, () => status.id);
  return waitReady && status.ready?.state !== 'ready' ? EXIT.failed : EXIT.ok;
}
