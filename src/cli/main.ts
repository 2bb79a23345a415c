import yargs from 'yargs';
import { DEFAULT_SOCKET } from '../paths.js';
import { version as ownVersion } from '../version.js';
import { wordsAfterDashes } from './command.js';
import { drain } from './commands/drain.js';
import { attach, exec } from './commands/exec.js';
import { doctor, version } from './commands/host.js';
import { image } from './commands/image.js';
import { init } from './commands/init.js';
import { create, kill, pause, resume, rm, start, stop } from './commands/lifecycle.js';
import { logs } from './commands/logs.js';
import { plan } from './commands/plan.js';
import { inspect, ps } from './commands/ps.js';
import { run } from './commands/run.js';
import { top } from './commands/top.js';
import { update } from './commands/update.js';
import { usage } from './commands/usage.js';
import { events, stats, wait } from './commands/watch.js';
import { EXIT } from './exit-codes.js';
import { escaped } from './text.js';

/** What is behind the first `--` belongs to the container, whatever it looks like. */
function splitWords(argv: string[]): string[] {
  const dashes = argv.indexOf('--');
  if (dashes < 0) return argv;
  wordsAfterDashes.push(...argv.slice(dashes + 1));
  return argv.slice(0, dashes);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok); // `niwa ps | head`
});

void yargs(splitWords(process.argv.slice(2)))
  .scriptName('niwa')
  .usage('$0 <command>\n\nThe debug command line of niwad.')
  .option('socket', {
    type: 'string',
    default: process.env.NIWA_SOCKET ?? DEFAULT_SOCKET,
    describe: "niwad's socket; also NIWA_SOCKET",
  })
  .option('json', { type: 'boolean', default: false, describe: 'print JSON' })
  .command(run)
  .command(exec)
  .command(attach)
  .command(create)
  .command(start)
  .command(stop)
  .command(kill)
  .command(pause)
  .command(resume)
  .command(rm)
  .command(ps)
  .command(inspect)
  .command(logs)
  .command(wait)
  .command(stats)
  .command(top)
  .command(events)
  .command(usage)
  .command(update)
  .command(image)
  .command(drain)
  .command(plan)
  .command(init)
  .command(doctor)
  .command(version)
  .completion('completion', 'Print a completion script for bash or zsh: niwa completion >> ~/.bashrc')
  .demandCommand(1, 'Name a command.')
  .strict()
  .wrap(Math.min(120, process.stdout.columns ?? 120))
  .version(ownVersion)
  .fail((message, error) => {
    process.stderr.write(`niwa: ${escaped(message ?? error.message)}\nTry niwa --help.\n`);
    process.exit(EXIT.wrongUsage);
  })
  .parseAsync();
