// Technique: control characters in arguments and environments. A terminal that shows them acts on them: ESC and U+009B
// begin commands of the terminal, U+202E turns the direction of what follows (CVE-2021-42574).
import { expect } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { test } from './attack.js';

const HOSTILE = 'x\x1b]0;owned\x07\u009b31m\u202eend';
const HARMFUL = /[\p{Cc}\u202e]/u;
const spec: SpecInput = {
  id: 'hostile',
  process: { args: ['sh', '-c', 'sleep 1000', HOSTILE], env: { TEXT: HOSTILE } },
};

test('control characters: nothing that a terminal acts on comes out of niwa', async ({ niwad }) => {
  await niwad.start(spec);
  const lines = [
    ['ps'],
    ['ps', '--json'],
    ['inspect', 'hostile'],
    ['inspect', 'hostile', '--json'],
    ['run', '--owner', HOSTILE, '--', 'true'],
    ['run', '--', HOSTILE],
    ['run', '--json', '--', HOSTILE],
    ['stop', HOSTILE],
    ['plan', '--', 'true', HOSTILE],
    ['plan', '--json', '--', 'true', HOSTILE],
    [HOSTILE],
    ['ps', `--${HOSTILE}`],
  ];
  try {
    for (const line of lines) {
      const { stdout, stderr } = await niwad.cli(...line);
      const shown = (stdout + stderr).replaceAll(/[\n\t]/g, '');
      expect(shown, line[0]).not.toMatch(HARMFUL);
      expect(shown, line[0]).toContain('owned');
    }
  } finally {
    await niwad.client.remove('hostile', { force: true });
  }
});

test('control characters, control: they are in what niwad keeps, and JSON says them without loss', async ({
  niwad,
}) => {
  await niwad.start(spec);
  try {
    expect((await niwad.client.inspect('hostile')).spec.process.args[3]).toMatch(HARMFUL);
    const { stdout } = await niwad.cli('inspect', 'hostile', '--json');
    expect(JSON.parse(stdout).spec).toMatchObject({ process: { env: { TEXT: HOSTILE } } });
  } finally {
    await niwad.client.remove('hostile', { force: true });
  }
});
