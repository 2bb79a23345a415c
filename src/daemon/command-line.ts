import yargs from 'yargs';
import { version } from '../installation/version.js';
import { type Flags, withFlags } from './flags.js';

/**
 * Reads any command line of niwad, and prints its help and its version. Imported only for a command line that {@link
 * plainFlags} does not read, since to load yargs takes long.
 * @param fail called with the words for a wrong command line
 */
export function parseFlags(args: readonly string[], env: NodeJS.ProcessEnv, fail: (words: string) => never): Flags {
  return withFlags(yargs([...args]), env)
    .strict()
    .version(version)
    .fail((message, error) => fail(message ?? error.message))
    .parseSync();
}
