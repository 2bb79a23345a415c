import { expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { kindOfNext } from '../../../src/cli/completion.js';
import { GROUPS } from '../../../src/cli/parser.js';

it.each<[line: string, kind: string | null]>([
  ['inspect ', 'containers'],
  ['exec ', 'containers'],
  ['exec web ', null], // what follows is a command of the container
  ['stop web ', 'containers'],
  ['events ', 'containers'],
  ['ps ', null],
  ['service ', null],
  ['service inspect ', 'services'],
  ['service scale shop ', null],
  ['service rm shop ', 'services'],
  ['service apply ', null], // files
  ['image rm ', 'images'],
  ['nosuch ', null],
  ['', null],
])('behind `niwa %s` comes a name of %s', (line, kind) => {
  expect(kindOfNext(line.split(' '), COMMANDS, GROUPS)).toBe(kind);
});
