import { execa } from 'execa';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { commandPage, programPage } from '../../../src/cli/man-pages.js';
import { describeAll } from '../../../src/cli/parser.js';

const { commands, global } = describeAll(COMMANDS);
const edition = { version: '1.2.3', date: '2026-11-27' };

/** What a reader sees, and what roff warns of. */
async function shown(page: string): Promise<{ text: string; warnings: string }> {
  const { stdout, stderr } = await execa('groff', ['-man', '-Tascii', '-ww', '-rLL=200n', '-P-cbou'], { input: page });
  return { text: stdout, warnings: stderr };
}

it.each(commands)('the page of niwa $name shows its words, each option and each example', async (command) => {
  const { text, warnings } = await shown(commandPage(command, global, edition));
  expect(warnings).toBe('');
  const flat = text.replaceAll(/\s+/g, ' ');
  for (const one of [command, ...command.commands]) {
    expect(flat).toContain(one.describe.replaceAll(/\s+/g, ' '));
    for (const { name } of one.options) expect(flat).toContain(`--${name}`);
    for (const { line } of one.examples) expect(flat).toContain(line.replaceAll(/\s+/g, ' '));
  }
  expect(flat).toContain('--socket VALUE');
});

it('nothing in a text is taken for a request or an escape of roff', async () => {
  const words = ["'.so /etc/passwd", '.so /etc/passwd', 'a\\n[.x] -b', '\\*[x]'];
  const page = programPage(
    { name: 'x', section: 1, title: 't', synopsis: '', words, options: [], examples: [], sections: [], seeAlso: [] },
    edition,
  );
  const { text } = await shown(page);
  for (const one of words) expect(text).toContain(one);
  expect(text).not.toContain('root:');
});
