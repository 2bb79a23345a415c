import type { AnyCommand } from '../../../src/cli/command.js';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { GROUPS, runCommandLine } from '../../../src/cli/parser.js';

/** Parses a command line; gives the options that the command would get, which does nothing here. */
export async function optionsOf(argv: string[]): Promise<Record<string, unknown>> {
  let options: Record<string, unknown> = {};
  const heard = (command: AnyCommand) => ({
    ...command,
    handler: (args: never) => {
      options = args;
    },
  });
  const groups = Object.values(GROUPS).map((group) => ({
    group,
    own: group.splice(0, group.length, ...group.map(heard)),
  }));
  const commands = COMMANDS.map((command) => (/ <command>$/.test(String(command.command)) ? command : heard(command)));
  await runCommandLine(commands, argv).finally(() => {
    for (const { group, own } of groups) group.splice(0, own.length, ...own);
  });
  return options;
}
