import { COMMANDS } from '../../../src/cli/commands/all.js';
import { IMAGE_COMMANDS } from '../../../src/cli/commands/image.js';
import { type AnyCommand, runCommandLine } from '../../../src/cli/parser.js';

/** Parses a command line; gives the options that the command would get, which does nothing here. */
export async function optionsOf(argv: string[]): Promise<Record<string, unknown>> {
  let options: Record<string, unknown> = {};
  const heard = (command: AnyCommand) => ({
    ...command,
    handler: (args: never) => {
      options = args;
    },
  });
  const image = IMAGE_COMMANDS.splice(0, IMAGE_COMMANDS.length, ...IMAGE_COMMANDS.map(heard));
  const commands = COMMANDS.map((command) => (command.command === 'image <command>' ? command : heard(command)));
  await runCommandLine(commands, argv).finally(() => IMAGE_COMMANDS.splice(0, image.length, ...image));
  return options;
}
