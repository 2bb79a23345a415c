import { describe, expect, it } from 'vitest';
import { nameOf } from '../../../src/cli/command.js';
import { COMMANDS } from '../../../src/cli/commands/all.js';
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
