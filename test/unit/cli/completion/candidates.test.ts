import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../src/cli/commands/all.js';
import { nextOf } from '../../../../src/cli/completion/candidates.js';
import { describeAll } from '../../../../src/cli/parser.js';

const { commands, global } = describeAll(COMMANDS);
const next = (line: string) => nextOf(line.split(' '), commands, global);
const words = (line: string) => next(line).candidates.map(({ word }) => word);

describe('names', () => {
  it.each<[line: string, kind: string | null]>([
    ['inspect ', 'containers'],
    ['exec ', 'containers'],
    ['exec web ', null], // what follows is a command of the container
    ['stop web ', 'containers'],
    ['stop -t 3s ', 'containers'],
    ['stop --timeout=3s web we', 'containers'],
    ['events ', 'containers'],
    ['ps ', null],
    ['ps --service ', 'services'],
    ['ps --service=sh', 'services'],
    ['run --image ', 'images'],
    ['--socket /run/x inspect ', 'containers'],
    ['service ', null],
    ['service inspect ', 'services'],
    ['service scale shop ', null],
    ['service rm shop ', 'services'],
    ['service apply ', null], // files
    ['image rm ', 'images'],
    ['nosuch ', null],
    ['', null],
  ])('behind `niwa %s` comes a name of %s', (line, kind) => {
    expect(next(line).names).toBe(kind);
  });

  it('are those of containers for which the command makes sense', () => {
    expect(next('start ').states).toEqual(['created', 'exited']);
    expect(next('exec ').states).toEqual(['running']);
    expect(next('inspect ').states).toBeNull();
  });

  it('come behind the equals sign of their option', () => {
    expect(next('run --image=ap')).toMatchObject({ names: 'images', before: '--image=' });
  });
});

describe('words', () => {
  it('are commands, and those of a group', () => {
    expect(words('ins')).toEqual(['inspect']);
    expect(words('')).toEqual(expect.arrayContaining(['run', 'ps', 'service', 'completion']));
    expect(words('service in')).toEqual(['inspect']);
    expect(words('completion ')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('are options, those of every command among them, each with what it does', () => {
    expect(words('run --mem')).toEqual(expect.arrayContaining(['--memory']));
    expect(words('inspect --js')).toEqual(['--json']);
    expect(next('run --lifet').candidates[0]?.describe).toMatch(/after its start/);
    expect(words('service apply --dry')).toEqual(['--dry-run']);
  });

  it('are signals where an option takes one', () => {
    expect(words('kill -s HU')).toEqual(['HUP']);
    expect(words('kill --signal=HU')).toEqual(['--signal=HUP']);
  });

  it('are none of niwa within the command of a container', () => {
    for (const line of ['run -- ls --js', 'run ls --js', 'exec web ls --js']) {
      expect(words(line)).toEqual([]);
      expect(next(line).files).toBe(true);
    }
  });
});

it.each(['run -f ', 'run --file=', 'service apply ', 'image import ', 'run --root /'])(
  'files may come behind `niwa %s`',
  (line) => {
    expect(next(line).files).toBe(true);
  },
);
