import { expect, it, vi } from 'vitest';
import yargs from 'yargs';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { GROUPS } from '../../../src/cli/parser.js';
import { optionsOf } from './command-lines.js';

/** The examples in the help of all commands. */
const examples = [...COMMANDS, ...Object.values(GROUPS).flat()].flatMap(({ builder }) => {
  const parser = yargs();
  const told = vi.spyOn(parser, 'example');
  if (typeof builder === 'function') builder(parser as never);
  return told.mock.calls.map(([line]) => String(line));
});

/** Of a line of shell the first command of niwa, as words. */
function wordsOf(line: string): string[] {
  const [command = ''] = (line.split('$0 ')[1] ?? '').split(/ [|&>]/);
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

it('are there', () => {
  expect(examples.length).toBeGreaterThan(40);
});

it.each(examples)('the example `%s` is a right command line', async (line) => {
  await optionsOf(wordsOf(line));
});
