import { describe, expect, it } from 'vitest';
import { nameOf } from '../../../src/cli/command.js';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { helpFor } from '../../../src/cli/parser.js';
import { hintFor, inOwnWords } from '../../../src/cli/verbs.js';
import { optionsOf } from './command-lines.js';

const isKnown = (name: string) => COMMANDS.some((command) => nameOf(command) === name);
const words = (line: string) => inOwnWords(line.split(' '), isKnown).join(' ');

describe('a verb of another runtime that means the same', () => {
  it.each([
    ['images -q', 'image ls -q'],
    ['pull alpine', 'image pull alpine'],
    ['rmi a b', 'image rm a b'],
    ['save app -o app.tar', 'image save app -o app.tar'],
    ['tag app app:2', 'image tag app app:2'],
    ['unpause web', 'resume web'],
    ['delete -f web', 'rm -f web'],
    ['ls -a', 'ps -a'],
    ['list', 'ps'],
    ['container ls -a', 'ps -a'],
    ['container rm web', 'rm web'],
    ['image list', 'image ls'],
    ['volume remove data', 'volume rm data'],
    ['--socket /x --json images', '--socket /x --json image ls'],
    ['help run', 'run --help'],
    ['help', '--help'],
    ['help images', 'image ls --help'],
    ['-v', '--version'],
  ])('`niwa %s` is `niwa %s`', (line, own) => {
    expect(words(line)).toBe(own);
  });

  it('is no such verb where it is a word of a container, or the name of one', () => {
    for (const line of ['run ls', 'exec web ls -d', 'stop delete', 'rm images', 'run -- list', 'service ls'])
      expect(words(line)).toBe(line);
  });
});

describe('a verb that niwa does not have', () => {
  it.each(
    'build commit push login network compose diff export launch shell system load rename history search pod'.split(' '),
  )('`niwa %s` says what to type', async (verb) => {
    expect(() => words(`${verb} x`)).toThrow(`niwa has no command "${verb}": ${hintFor(verb)}`);
    await expect(optionsOf([verb, 'x'])).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  });

  it('`niwa rename` says why', () => {
    expect(() => words('rename a b')).toThrow(/names the group, the logs and the bill/);
  });

  it('of a group is told by the group', async () => {
    await expect(optionsOf(['image', 'push', 'x'])).rejects.toThrow(/niwa image save/);
    await expect(optionsOf(['service', 'ps', 'x'])).rejects.toThrow(/niwa ps --service/);
  });

  it('that nobody knows is told by yargs', () => {
    expect(words('frobnicate x')).toBe('frobnicate x');
  });
});

it('no verb of the tables is a command of niwa itself', () => {
  for (const { command } of COMMANDS) {
    const name = String(command).split(' ')[0] ?? '';
    expect(hintFor(name)).toBeUndefined();
    expect(words(`${name} x`)).toBe(`${name} x`);
  }
});

describe('an option that a command does not have says what to type', () => {
  it.each([
    ['stop --time 3 web', /--timeout/],
    ['stats -a', /all live containers/],
    ['stats --format x', /--json/],
    ['events --filter type=exit', /--type exit/],
    ['rm -v web', /niwa volume rm/],
    ['start -a web', /niwa attach/],
    ['update --restart no web', /created/],
    ['inspect --type image app', /niwa image inspect/],
    ['images -a', /niwa image ls shows all/],
    ['images --format x', /--json/],
    ['pull --platform linux/arm64 app', /architecture of this host/],
    ['volume ls --filter dangling=true', /niwa volume prune/],
    ['volume create --driver local data', /-v SOURCE:TARGET/],
  ])('niwa %s', async (line, what) => {
    await expect(optionsOf(line.split(' '))).rejects.toThrow(what);
  });
});

describe('words that are missing or too many are told with the form of the command', () => {
  it.each([
    ['exec', 'a word is missing: niwa exec <id> [command..]'],
    ['volume create', 'a word is missing: niwa volume create <name..>'],
    ['image tag a', 'a word is missing: niwa image tag <'],
    ['logs web db', 'too many words (db): niwa logs <id>'],
  ])('niwa %s', async (line, what) => {
    await expect(optionsOf(line.split(' '))).rejects.toThrow(what);
  });
});

it.each([
  ['run --naem x', 'niwa run --help'],
  ['volume create', 'niwa volume create --help'],
  ['volume x', 'niwa volume --help'],
  ['x', 'niwa --help'],
])('the help for niwa %s is %s', (line, help) => {
  expect(helpFor(line.split(' '), COMMANDS)).toBe(help);
});
