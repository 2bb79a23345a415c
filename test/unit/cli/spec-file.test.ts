import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { specOf } from '../../../src/cli/spec-file.js';

const directory = mkdtempSync(join(tmpdir(), 'niwa-spec-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Gives the path of a file with this text. */
function fileOf(text: string): string {
  const path = join(directory, 'spec');
  writeFileSync(path, text);
  return path;
}

it.each(['', '# nothing\n', 'null', '{}'])('a spec file may say nothing: %j', async (text) => {
  await expect(specOf({ file: fileOf(text), name: 'a' })).resolves.toMatchObject({ id: 'a' });
});

it.each([
  ['5', '5'],
  ['true', 'true'],
  ['process', '"process"'],
  ['- id: a', '[{"id":"a"}]'],
])('a spec file that is no object is refused: %j', async (text, found) => {
  const file = fileOf(text);
  await expect(specOf({ file })).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: `the spec ${file} is invalid: (top): found ${found}; allowed: the fields of a spec`,
  });
});

it('a file with a service is no spec, and the command for it is named', async () => {
  const file = fileOf('service: shop\ntemplate: {}\n');
  await expect(specOf({ file })).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: `the file ${file} has a service, not a spec: niwa service apply ${file}`,
  });
});
