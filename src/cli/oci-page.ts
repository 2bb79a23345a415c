import type { Program } from './man-pages.js';

/** The man page of niwa-oci, from what it tells itself: its options are declared in native/oci/verbs.c. */

type Entry = readonly [tag: string, text: string];

/**
 * Gives the page of niwa-oci. Pure.
 * @param helpOf gives what `niwa-oci help COMMAND` prints, or `niwa-oci help` without a command
 */
export function ociProgram(helpOf: (command?: string) => string): Program {
  const help = helpOf();
  const commands = [...help.matchAll(/^ {2}(\w+) +(.+)$/gm)].map(([, name = '', about = '']): Entry => [name, about]);
  const pages = commands.map(([name, about]) => ({ name, about, help: helpOf(name) }));
  return {
    name: 'niwa-oci',
    section: 8,
    title: 'container engines run their containers by niwad',
    synopsis: '[options] COMMAND [options] ...',
    words: [
      'niwa-oci is an OCI runtime, as runc(8) and crun(1) are: podman, containerd, Docker and other engines call it. niwad(8) keeps the containers.',
      'Only root may use it. How an engine is told to use it, and what each field of a config does, is in /usr/share/doc/niwa/docs/oci.md.',
    ],
    options: [],
    examples: [
      { line: 'podman --runtime /usr/bin/niwa-oci run --rm IMAGE PROGRAM', describe: 'a container of podman' },
      { line: 'niwa-oci list', describe: 'the containers of engines that use the usual --root' },
    ],
    sections: [
      { heading: 'Options before the command', entries: optionsIn(help) },
      ...pages.map(({ name, about, help: own }) => ({
        heading: /^Usage: \S+ \[OPTION\.\.\.\] (.+?) *$/m.exec(own)?.[1] ?? name,
        entries: [`${about}.`, ...optionsIn(own)],
      })),
      {
        heading: 'Exit status',
        entries: [
          ['0', 'success'],
          ['1', 'an error, which is on the standard error and in the file of --log'],
          ['255', 'of exec: the process could not be made'],
          [
            'others',
            'of run, restore and exec: that of the program, or 128 and the number of the signal that ended it',
          ],
        ],
      },
      { heading: 'Environment', entries: [['NIWA_OCI_SOCKET', 'the socket of niwad, where --niwad is not given']] },
      { heading: 'Files', entries: [['/run/niwa/oci.sock', 'the socket of niwad']] },
    ],
    seeAlso: ['niwad(8)', 'niwa(1)', '/usr/share/doc/niwa/docs/oci.md'],
  };
}

/** An option in a help: a letter or none, its name and its value, two spaces or more, and what it does. */
const OPTION = /^ {2}(-\w, | {4})(--[\w-]+(?: \S+)?) +(.+)$/gm;

function optionsIn(help: string): Entry[] {
  return [...help.matchAll(OPTION)].map(([, letter = '', name = '', about = '']) => [
    `${letter.trim()} ${name}`.trim(),
    about,
  ]);
}
