// Writes the man pages to dist/man, from the declarations from which the help comes: node bin/man.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { COMMANDS } from '../dist/cli/commands/all.js';
import { describeExamples, describeOptions } from '../dist/cli/described.js';
import { commandPage, programPage } from '../dist/cli/man-pages.js';
import { ociProgram } from '../dist/cli/oci-page.js';
import { describeAll } from '../dist/cli/parser.js';
import { NIWAD_WORDS, withFlags } from '../dist/daemon/flags.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const to = `${root}dist/man`;
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const day = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000) * 1000).toISOString().slice(0, 10);
const edition = { version, date: day };

const { commands, global } = describeAll(COMMANDS);
const CLI = {
  name: 'niwa',
  section: 1,
  title: 'the command line of niwad, the container daemon',
  synopsis: 'COMMAND [options] ...',
  words: [
    'niwa asks niwad(8) to create, start, watch and end containers and services, and prints what it answers. Options of niwa stand before the command of a container.',
    'Each command has a page of its own, such as niwa-run(1), and the same words behind --help.',
  ],
  options: global,
  examples: [
    { line: 'niwa run --rm -it -- sh', describe: 'a shell in a container' },
    { line: 'niwa run -d --name web --memory 64M -- python3 -m http.server', describe: 'in the background' },
    { line: 'niwa ps -a', describe: 'what there is' },
  ],
  sections: [
    { heading: 'Commands', entries: commands.map(({ name, describe }) => [`niwa-${name}(1)`, describe]) },
    {
      heading: 'Exit status',
      entries: [
        ['0', 'success'],
        ['1', 'niwad refused, or something failed'],
        ['2', 'the command line, or a spec, is wrong'],
        [
          '125, 126, 127',
          'of niwa run and exec: niwa failed; the program cannot be executed; there is no such program',
        ],
        [
          'others',
          'of niwa run and exec: the status of the program, or 128 and the number of the signal that ended it',
        ],
      ],
    },
    {
      heading: 'Environment',
      entries: [
        ['NIWA_SOCKET', 'the socket of niwad, where --socket is not given'],
        ['NO_COLOR', 'where it is set, nothing is coloured'],
      ],
    },
    { heading: 'Files', entries: [['/run/niwa/niwad.sock', 'the socket of niwad']] },
  ],
  seeAlso: ['niwad(8)', '/usr/share/doc/niwa'],
};
const DAEMON = {
  name: 'niwad',
  section: 8,
  title: 'the container runtime daemon',
  synopsis: '[options]',
  words: [NIWAD_WORDS],
  options: describeOptions(withFlags(yargs(), {}), ['help', 'version']),
  examples: describeExamples((parser) => withFlags(parser, {}), 'niwad'),
  sections: [
    {
      heading: 'Files',
      entries: [
        ['/etc/niwa/niwad.yaml', 'the configuration; the one that is installed explains every field'],
        ['/run/niwa', 'what a reboot may remove'],
        ['/var/lib/niwa', 'what is kept: the ledger, logs, events, images'],
      ],
    },
  ],
  seeAlso: ['niwa(1)', '/usr/share/doc/niwa/docs/operating.md'],
};

rmSync(to, { recursive: true, force: true });
for (const section of [1, 8]) mkdirSync(`${to}/man${section}`, { recursive: true });
writeFileSync(`${to}/man1/niwa.1`, programPage(CLI, edition));
writeFileSync(`${to}/man8/niwad.8`, programPage(DAEMON, edition));
const oci = `${root}build/Release/niwa-oci`;
const helpOf = (...command) => execFileSync(oci, ['help', ...command], { encoding: 'utf8' });
// a build of the JavaScript alone may have no niwa-oci
if (existsSync(oci)) writeFileSync(`${to}/man8/niwa-oci.8`, programPage(ociProgram(helpOf), edition));
for (const command of commands)
  writeFileSync(`${to}/man1/niwa-${command.name}.1`, commandPage(command, global, edition));
