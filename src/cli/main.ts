import { messageOf } from '../errors.js';
import { COMMANDS } from './commands/all.js';
import { EXIT } from './exit-codes.js';
import { runCommandLine } from './parser.js';
import { escaped } from './text.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok); // `niwa ps | head`
});

runCommandLine(COMMANDS, process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`niwa: ${escaped(messageOf(error))}\nTry niwa --help.\n`);
  process.exit(EXIT.wrongUsage);
});
