import { messageOf } from '../protocol/errors.js';
import { shortened } from '../spec/problems.js';
import { COMMANDS } from './commands/all.js';
import { EXIT } from './exit-codes.js';
import { helpFor, runCommandLine } from './parser.js';
import { escaped } from './text.js';

/** The longest error of yargs that is shown: yargs repeats unknown words, which may be very long. */
const SHOWN_CHARACTERS = 1000;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok); // the reader has closed the pipe: `niwa ps | head`
});

const argv = process.argv.slice(2);
runCommandLine(COMMANDS, argv).catch((error: unknown) => {
  const message = escaped(shortened(messageOf(error), SHOWN_CHARACTERS));
  process.stderr.write(`niwa: ${message}\nTry ${helpFor(argv, COMMANDS)}.\n`);
  process.exit(EXIT.wrongUsage);
});
