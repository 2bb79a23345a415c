import { writeFileSync } from 'node:fs';
import type { Argv, CommandModule } from 'yargs';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import { type Common, fail, print, withOneValueEach } from '../command.js';
import { statusOfError } from '../exit-codes.js';
import { STARTER } from '../starter.js';

const withFile = (yargs: Argv<Common>) =>
  withOneValueEach(
    yargs
      .positional('file', {
        type: 'string',
        describe: 'the file to write (default: niwa.yaml); - for standard output',
      })
      .option('force', { type: 'boolean', default: false, describe: 'replace the file if it exists' })
      .example('$0 init && $0 run -f niwa.yaml', 'a first container')
      .example('$0 init - | less', 'read about all common fields'),
  );

type InitOptions = ReturnType<typeof withFile> extends Argv<infer O> ? O : never;

/** This command works without a daemon. */
export const init: CommandModule<Common, InitOptions> = {
  command: 'init [file]',
  describe: 'Write an example of a spec that explains the common fields',
  builder: withFile,
  handler: (args) => {
    const { force, json } = args;
    const file = args.file ?? 'niwa.yaml';
    try {
      if (file === '-') return void process.stdout.write(STARTER);
      write(file, force);
      print(json, { file }, () => `wrote ${file}; look at it, then: niwa plan ${file}, niwa run -f ${file}`);
    } catch (error) {
      process.exitCode = fail(error, json, statusOfError);
    }
  },
};

/** @throws NiwaError HOST_ERROR if the file cannot be written, or exists and may not be replaced */
function write(file: string, force: boolean): void {
  try {
    writeFileSync(file, STARTER, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const message = exists
      ? `${file} is there already: name another file, or replace it with --force`
      : `cannot write ${file}: ${messageOf(error)}`;
    throw new NiwaError('HOST_ERROR', message, { cause: error });
  }
}
