import { messageOf } from '../protocol/errors.js';
import { shortened } from '../spec/problems.js';
import { COMMANDS } from './commands/all.js';
import { EXIT } from './exit-codes.js';
import { runCommandLine } from './parser.js';
import { escaped } from './text.js';

/** The longest error of yargs that is shown: yargs repeats unknown words, which may be very long. */
const SHOWN_CHARACTERS = 1000;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok); // the reader has closed the pipe: `niwa ps | head`
});

runCommandLine(COMMANDS, process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`niwa: ${escaped(shortened(messageOf(error), SHOWN_CHARACTERS))}\nTry niwa --help.\n`);
  process.exit(EXIT.wrongUsage);
});
