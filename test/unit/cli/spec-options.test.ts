import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { toSpec } from '../../../src/cli/spec-options.js';

const directory = mkdtempSync(join(tmpdir(), 'niwa-options-'));
const image = join(directory, 'image');
writeFileSync(image, '');
afterAll(() => rmSync(directory, { recursive: true }));

describe('--root', () => {
  it.each([
    [directory, { path: directory }],
    [image, { file: image }],
    ['/no/such', { path: '/no/such' }],
  ])('%s is a directory or a file', (root, fields) => {
    expect(toSpec({ root }, ['true']).root).toEqual(fields);
  });

  it('comes in the place of what the spec of a file has', () => {
    const base = { root: { path: '/srv', overlay: true } };
    expect(toSpec({ root: image }, [], base).root).toEqual({ file: image, overlay: true });
    expect(toSpec({}, [], base).root).toEqual(base.root);
  });
});

it('leaves what is wrong in the spec of a file for niwad to refuse', () => {
  const wrong = { process: 5, root: 'x', resources: [], labels: 5, network: 0, namespaces: '' };
  const fields = { process: { args: ['true'] }, labels: { a: 'b' } };
  const flags = { root: '/srv', memory: '1M', label: ['a=b'], env: ['A=b'], networkGroup: 'g', network: 'bridge' };
  for (const [name, value] of Object.entries(wrong))
    expect(toSpec(flags, ['true'], { [name]: value } as never), name).toMatchObject({ ...fields, [name]: value });
  expect(toSpec({ env: ['A=b'] }, [], { process: { env: 5 } } as never).process?.env).toBe(5);
});

describe('--volume', () => {
  it('names a volume where the source is no path', () => {
    const mounts = toSpec({ volume: ['db:/data', 'db.2:/x:ro', './db:/y'] }, []).mounts;
    expect(mounts).toEqual([
      { type: 'volume', source: 'db', target: '/data', readonly: false },
      { type: 'volume', source: 'db.2', target: '/x', readonly: true },
      { type: 'bind', source: `${process.cwd()}/db`, target: '/y', readonly: false },
    ]);
  });

  it.each([
    ['/a:/b', { readonly: false }],
    ['/a:/b:ro', { readonly: true }],
    ['/a:/b:ro,rslave', { readonly: true, propagation: 'rslave' }],
    ['/a:/b:idmap=false', { readonly: false, idmap: false }],
    ['/a:/b:rw,idmap=true', { readonly: false, idmap: true }],
  ])('%s is a bind', (volume, fields) => {
    expect(toSpec({ volume: [volume] }, []).mounts).toEqual([{ type: 'bind', source: '/a', target: '/b', ...fields }]);
  });

  it.each(['/a', '/a:/b:x', '/a:/b:ro,', '/a:/b:ro:ro', '/a:/b:constructor'])('%s is refused', (volume) => {
    expect(() => toSpec({ volume: [volume] }, [])).toThrow(expect.objectContaining({ code: 'SPEC_INVALID' }));
  });
});

describe('--tmpfs', () => {
  it.each([
    ['/t', { target: '/t' }],
    ['/t:size=16M', { target: '/t', size: '16M' }],
    ['/t:size=4096', { target: '/t', size: '4096' }],
  ])('%s is a tmpfs behind the volumes', (tmpfs, fields) => {
    const mounts = toSpec({ tmpfs: [tmpfs], volume: ['/a:/b'] }, []).mounts;
    expect(mounts?.[1]).toEqual({ type: 'tmpfs', ...fields });
  });

  it.each(['', ':size=1', '/t:1M', '/t:size=1:x'])('%s is refused', (tmpfs) => {
    expect(() => toSpec({ tmpfs: [tmpfs] }, [])).toThrow(expect.objectContaining({ code: 'SPEC_INVALID' }));
  });
});
