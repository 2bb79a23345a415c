import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { canIdmap } from '../../../src/host/filesystems.js';
import { resolveSources } from '../../../src/host/sources.js';
import type { SpecInput } from '../../../src/spec/schema.js';
import { specOf } from '../support.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'niwa-sources-')));
const at = (name: string) => join(directory, name);
mkdirSync(at('real/below'), { recursive: true });
symlinkSync('real', at('link'));
symlinkSync('link/below', at('twice'));
symlinkSync('nowhere', at('dangling'));
symlinkSync('loop', at('loop'));
symlinkSync('/', at('host'));
afterAll(() => rmSync(directory, { recursive: true }));

const resolve = (fields: Partial<SpecInput>) => resolveSources(specOf(fields));
const bindOf = (source: string) => {
  const [mount] = resolve({ mounts: [{ type: 'bind', source, target: '/t' }] }).mounts;
  return mount?.type === 'bind' ? mount.source : undefined;
};

describe('the paths of a spec', () => {
  it.each([
    ['link', 'real'],
    ['link/below', 'real/below'],
    ['twice', 'real/below'],
    ['real/../link/./below/', 'real/below'],
  ])('%s is the real one, as a root and as a source', (given, real) => {
    expect(resolve({ root: { path: `${directory}/${given}` } }).root.path).toBe(at(real));
    expect(bindOf(`${directory}/${given}`)).toBe(at(real));
  });

  it.each(['dangling', 'loop', 'nothing/below'])('%s, which leads nowhere, stays for the start to refuse', (name) => {
    expect(bindOf(at(name))).toBe(at(name));
    expect(resolve({ root: { path: at(name) } }).root.path).toBe(at(name));
  });

  it('of targets stay: they are in the container', () => {
    const mounts: SpecInput['mounts'] = [
      { type: 'bind', source: at('real'), target: at('link') },
      { type: 'tmpfs', target: at('link') },
    ];
    expect(resolve({ mounts }).mounts.map(({ target }) => target)).toEqual([at('link'), at('link')]);
  });

  it("that lead to the host's own root put it under an overlay, so that nobody writes to it", () => {
    for (const path of ['//', '/.', '/usr/..', at('host')])
      expect(resolve({ root: { path } }).root).toEqual({
        path: '/',
        file: null,
        layers: ['/'],
        image: null,
        readonly: false,
        overlay: { sizeBytes: null, directory: null },
        idmap: false,
      });
    expect(resolve({ root: { path: '//', overlay: { size: 4096 } } }).root.overlay).toEqual({
      sizeBytes: 4096,
      directory: null,
    });
    expect(resolve({ root: { path: at('real') } }).root.overlay).toBeNull();
  });

  it('on a file system that no kernel can id-map are shown as they are, unless the spec insists', () => {
    const proc = { type: 'bind' as const, source: at('real'), target: '/t' };
    const idmaps = (mounts: SpecInput['mounts'], userns?: 'host') =>
      resolve({ ...(mounts === undefined ? {} : { mounts }), ...(userns === undefined ? {} : { userns }) }).mounts.map(
        (mount) => mount.type === 'bind' && mount.idmap,
      );
    expect(idmaps([proc, { ...proc, idmap: true }, { ...proc, idmap: false }])).toEqual([
      canIdmap(directory) || 'unsupported',
      true,
      false,
    ]);
    expect(idmaps([proc], 'host')).toEqual([false]);
  });

  it('leave the rest of the spec, and the spec that was given, as they were', () => {
    const spec = specOf({ root: { path: at('link') }, labels: { a: 'b' } });
    const before = structuredClone(spec);
    expect(resolveSources(spec)).toEqual({
      ...before,
      root: { ...before.root, path: at('real'), layers: [at('real')], idmap: canIdmap(directory) || 'unsupported' },
    });
    expect(spec).toEqual(before);
  });
});
