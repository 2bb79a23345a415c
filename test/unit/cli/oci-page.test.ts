import { execa, execaSync } from 'execa';
import { expect, it } from 'vitest';
import { programPage } from '../../../src/cli/man-pages.js';
import { ociProgram } from '../../../src/cli/oci-page.js';

const HELP = `NAME:
   niwa-oci - words

Usage: niwa-oci [OPTION...] COMMAND ...

Commands:
  spec       write a config
  checkpoint write a container

Options:
      --root DIR                   separates; /run/x
  -v, --version                    shows it

niwa-oci COMMAND --help shows more.
`;
const OF_SPEC = `NAME:
   niwa-oci spec - write a config

Usage: niwa-oci [OPTION...] spec 

Options:
  -b, --bundle DIR                 where
      --user UID[:GID]             who
      --no-pivot                   in place of pivot_root(2)
`;
const OF_CHECKPOINT = 'Usage: niwa-oci [OPTION...] checkpoint CONTAINER\n';

it('has each command and each option of the help', () => {
  const program = ociProgram((command) =>
    command === undefined ? HELP : command === 'spec' ? OF_SPEC : OF_CHECKPOINT,
  );
  expect(program.sections.slice(0, 3)).toEqual([
    {
      heading: 'Options before the command',
      entries: [
        ['--root DIR', 'separates; /run/x'],
        ['-v, --version', 'shows it'],
      ],
    },
    {
      heading: 'spec',
      entries: [
        'write a config.',
        ['-b, --bundle DIR', 'where'],
        ['--user UID[:GID]', 'who'],
        ['--no-pivot', 'in place of pivot_root(2)'],
      ],
    },
    { heading: 'checkpoint CONTAINER', entries: ['write a container.'] },
  ]);
});

it('roff takes it, and a reader sees what niwa-oci tells itself', async () => {
  const words: string[] = [];
  const helpOf = (command?: string) => {
    const { stdout } = execaSync('bin/niwa-oci', ['help', ...(command === undefined ? [] : [command])]);
    words.push(...(stdout.match(/--[\w-]+/g) ?? []));
    return stdout;
  };
  const page = programPage(ociProgram(helpOf), { version: '1.2.3', date: '2026-11-27' });
  const { stdout, stderr } = await execa('groff', ['-man', '-Tascii', '-ww', '-rLL=200n', '-P-cbou'], { input: page });
  expect(stderr).toBe('');
  expect(words.length).toBeGreaterThan(100);
  for (const word of words) expect(stdout.includes(word) || word === '--help', word).toBe(true);
});
