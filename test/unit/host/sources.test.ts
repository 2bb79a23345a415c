import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { canIdmap } from '../../../src/host/filesystems.js';
import { missingSources, resolveSources } from '../../../src/host/sources.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { specOf } from '../support.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'niwa-sources-')));
const at = (name: string) => join(directory, name);
mkdirSync(at('real/below'), { recursive: true });
symlinkSync('real', at('link'));
symlinkSync('link/below', at('twice'));
symlinkSync('nowhere', at('dangling'));
symlinkSync('loop', at('loop'));
symlinkSync('/', at('host'));
for (const name of ['in', 'other/below', 'secret/there']) mkdirSync(at(name), { recursive: true });
symlinkSync('by-link-again', at('by-link'));
symlinkSync('in', at('by-link-again'));
symlinkSync(at('other'), at('in/to-other'));
symlinkSync('../secret', at('in/out'));
symlinkSync('../secret/there/../../in', at('in/out-and-back'));
afterAll(() => rmSync(directory, { recursive: true }));

const resolve = (fields: Partial<SpecInput>) => resolveSources(specOf(fields), 'user 0');
const bindOf = async (source: string) => {
  const [mount] = (await resolve({ mounts: [{ type: 'bind', source, target: '/t' }] })).mounts;
  return mount?.type === 'bind' ? mount.source : undefined;
};

it('the paths of a spec that are not there are named with their fields', async () => {
  const bind = (source: string) => ({ type: 'bind' as const, source, target: '/t' });
  const spec = await resolve({ root: { path: at('nowhere') }, mounts: [bind(at('real')), bind(at('nothing/below'))] });
  expect(await missingSources(spec, 'user 0')).toEqual([
    { field: 'root.path', path: at('nowhere') },
    { field: 'mounts[1].source', path: at('nothing/below') },
  ]);
  expect(await missingSources(await resolve({ root: { path: at('twice') } }), 'user 0')).toEqual([]);
  expect(await missingSources(await resolve({ root: { path: '/' } }), 'user 0')).toEqual([]);
});

describe('the paths of a spec', () => {
  it.each([
    ['link', 'real'],
    ['link/below', 'real/below'],
    ['twice', 'real/below'],
    ['real/../link/./below/', 'real/below'],
  ])('%s is the real one, as a root and as a source', async (given, real) => {
    expect((await resolve({ root: { path: `${directory}/${given}` } })).root.path).toBe(at(real));
    expect(await bindOf(`${directory}/${given}`)).toBe(at(real));
  });

  it.each([
    ['dangling', 'nowhere'],
    ['loop', 'loop'],
    ['nothing/below', 'nothing/below'],
    ['link/../nothing/../etc', 'nothing/../etc'],
    ['link/nothing/.', 'real/nothing/.'],
  ])('%s, which leads nowhere, is followed as far as it goes, for the start to refuse', async (given, real) => {
    expect(await bindOf(`${directory}/${given}`)).toBe(`${directory}/${real}`);
    expect((await resolve({ root: { path: `${directory}/${given}` } })).root.path).toBe(`${directory}/${real}`);
  });

  it.each([
    ['in/to-other/below', 'other/below'],
    ['by-link/to-other', 'other'],
    ['in/out', 'secret'],
    ['in/out-and-back', 'secret/there/../../in'],
  ])('%s, in a fence, is followed to what is inside of it: %s', async (given, real) => {
    const fence = [at('in'), at('by-link'), at('other')];
    const mounts: SpecInput['mounts'] = [{ type: 'bind', source: at(given), target: '/t' }];
    const { mounts: found } = await resolveSources(specOf({ mounts }), 'user 0', fence);
    expect(found).toMatchObject([{ source: `${directory}/${real}` }]);
  });

  it('of targets stay: they are in the container', async () => {
    const mounts: SpecInput['mounts'] = [
      { type: 'bind', source: at('real'), target: at('link') },
      { type: 'tmpfs', target: at('link') },
    ];
    expect((await resolve({ mounts })).mounts.map(({ target }) => target)).toEqual([at('link'), at('link')]);
  });

  it("that lead to the host's own root put it under an overlay, so that nobody writes to it", async () => {
    for (const path of ['//', '/.', '/usr/..', at('host')])
      expect((await resolve({ root: { path } })).root).toEqual({
        path: '/',
        file: null,
        layers: ['/'],
        image: null,
        readonly: false,
        overlay: { sizeBytes: null, directory: null },
        idmap: false,
      });
    expect((await resolve({ root: { path: '//', overlay: { size: 4096 } } })).root.overlay).toEqual({
      sizeBytes: 4096,
      directory: null,
    });
    expect((await resolve({ root: { path: at('real') } })).root.overlay).toBeNull();
  });

  it('on a file system that no kernel can id-map are shown as they are, unless the spec insists', async () => {
    const proc = { type: 'bind' as const, source: at('real'), target: '/t' };
    const idmaps = async (mounts: NonNullable<SpecInput['mounts']>, userns: 'auto' | 'host' = 'auto') =>
      (await resolve({ mounts, userns })).mounts.map((mount) => mount.type === 'bind' && mount.idmap);
    expect(await idmaps([proc, { ...proc, idmap: true }, { ...proc, idmap: false }])).toEqual([
      canIdmap(directory) || 'unsupported',
      true,
      false,
    ]);
    expect(await idmaps([proc], 'host')).toEqual([false]);
  });

  it('leave the rest of the spec, and the spec that was given, as they were', async () => {
    const spec = specOf({ root: { path: at('link') }, labels: { a: 'b' } });
    const before = structuredClone(spec);
    expect(await resolveSources(spec, 'user 0')).toEqual({
      ...before,
      root: { ...before.root, path: at('real'), layers: [at('real')], idmap: canIdmap(directory) || 'unsupported' },
    });
    expect(spec).toEqual(before);
  });
});
