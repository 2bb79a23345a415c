import type { CommandModule } from 'yargs';
import type { Common } from '../command.js';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.js';

export const completion: CommandModule<Common, Common & { shell: Shell }> = {
  command: 'completion <shell>',
  describe: 'Print a script that teaches a shell to complete the command lines of niwa',
  builder: (yargs) =>
    yargs
      .positional('shell', { type: 'string', choices: SHELLS, demandOption: true, describe: 'bash, zsh or fish' })
      .example('$0 completion bash > /etc/bash_completion.d/niwa', 'for all users of bash')
      .example('$0 completion zsh > ~/.zfunc/_niwa', 'where fpath has ~/.zfunc')
      .example('$0 completion fish > ~/.config/fish/completions/niwa.fish', ''),
  handler: ({ shell }) => {
    process.stdout.write(SCRIPTS[shell]);
  },
};
