import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readServices, readSpecOrTemplate } from '../../../src/cli/service-file.js';

const directory = mkdtempSync(join(tmpdir(), 'niwa-service-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Gives the path of a file with this text. */
function fileOf(text: string): string {
  const path = join(directory, 'services');
  writeFileSync(path, text);
  return path;
}

const shop =
  'service: shop\nlisten: ["0.0.0.0:80"]\nport: 80\ntemplate: {root: {path: ./root}, process: {args: [x]}}\n';

it('has a service in each document, with paths from its folder on', async () => {
  const services = await readServices(fileOf(`---\n${shop}---\n# nothing\n---\n{"service": "blog"}\n`));
  expect(services).toMatchObject([
    { service: 'shop', template: { root: { path: join(directory, 'root') } } },
    { service: 'blog' },
  ]);
});

it.each([
  ['', 'has no service in it'],
  ['slots: 2', 'document 1 of the file .*service: found nothing; allowed: 1 to 48 of the characters'],
  ['service: my shop', 'document 1 of the file .* is invalid: service: found "my shop"; allowed: 1 to 48'],
  ['name: shop', 'service: found nothing \\(the field is "service", not "name"\\); allowed'],
  [`${shop}---\n- a`, 'document 2 of the file .*service: found nothing'],
  [`${shop}---\nservice: [`, 'is no YAML: .* at line 6'],
])('%j is refused', async (text, message) => {
  await expect(readServices(fileOf(text))).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: expect.stringMatching(message),
  });
});

it('gives the spec of an instance for a plan, and a spec as it is', async () => {
  expect(await readSpecOrTemplate(fileOf(`${shop}owner: alice\n`))).toEqual({
    id: 'shop-1',
    owner: 'alice',
    init: true,
    network: { mode: 'bridge' },
    process: { args: ['x'] },
    root: { path: join(directory, 'root') },
  });
  expect(await readSpecOrTemplate(fileOf('process: {args: [x]}'))).toEqual({ process: { args: ['x'] } });
  await expect(readSpecOrTemplate(fileOf(`${shop}slots: 0\n`))).rejects.toMatchObject({ code: 'SPEC_INVALID' });
});
