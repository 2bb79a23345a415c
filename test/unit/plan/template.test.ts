import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placedFiles } from '../../../src/network/files.js';
import { encodeProgram } from '../../../src/plan/encode.js';
import { BLANK_DIRECTORY } from '../../../src/plan/op.js';
import { type HostView, makePlan } from '../../../src/plan/plan.js';
import { fillTemplate, makeTemplate, templateBytes } from '../../../src/plan/template.js';
import type { Spec } from '../../../src/protocol/resolved-spec.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { specInputs } from '../arbitrary.js';
import { capableHost, specOf } from '../support.js';

const { idRange: _, network: __, ...host } = capableHost;

/** The plan and the program of a start, by a template that was made for another start of the spec. */
function byTemplate(made: Spec, spec: Spec, start: number, directory: string, view: Partial<HostView> = {}) {
  const files = placedFiles(made, BLANK_DIRECTORY);
  const template = makeTemplate(made, { ...host, ...view, files, rangeSize: 65_536 });
  return fillTemplate(template, { spec, idRange: { start, size: 65_536 }, directory, steps: [] });
}

function afresh(spec: Spec, start: number, directory: string, view: Partial<HostView> = {}) {
  const network = { steps: [], files: placedFiles(spec, directory) };
  return makePlan(spec, { ...capableHost, ...view, idRange: { start, size: 65_536 }, network });
}

const settled = fc
  .tuple(specInputs, fc.boolean(), fc.constantFrom(null, 0, 1000, 65_535), fc.boolean())
  .map(([input, layered, diskId, keeps]): Spec => {
    const spec = parseSpec(input, 'free-id');
    const map = diskId === null ? null : [{ container: spec.process.uid, host: diskId, size: 1 }];
    return {
      ...spec,
      // what settle() may make of it
      ...(map === null || spec.userns !== 'auto' ? {} : { diskIds: { uids: map, gids: map } }),
      root: {
        ...spec.root,
        ...(layered && spec.root.overlay !== null ? { path: null, layers: ['/layers/a', '/layers/b'] } : {}),
        ...(keeps && spec.root.path !== '/' ? { overlay: { sizeBytes: null, directory: '/kept' } } : {}),
      },
    };
  });
const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
const starts = fc.integer({ min: 65_536, max: 0x7fff_0000 });
const directories = fc.stringMatching(/^(\/[a-z0-9$&_.-]{1,9}){1,3}$/).filter((path) => !/\/\.\.?(\/|$)/.test(path));
const views = fc.record({ oomProtected: fc.boolean(), filtersDevices: fc.boolean() });

describe('a template of any valid spec', () => {
  it('gives the plan and the program that are made afresh, for every id, host name, range and directory', () => {
    fc.assert(
      fc.property(settled, ids, ids, starts, directories, views, (made, id, hostname, start, directory, view) => {
        const spec = { ...made, id, hostname: made.hostname === null ? null : hostname };
        const [filled, fresh] = [byTemplate(made, spec, start, directory, view), afresh(spec, start, directory, view)];
        const { source: _, ...own } = filled;
        expect({ ...own, boot: filled.boot }).toEqual(fresh);
        expect(Buffer.from(filled.encode())).toEqual(Buffer.from(encodeProgram(fresh.boot)));
      }),
      { numRuns: 1000 },
    );
  });

  it('serves one start after another', () => {
    const spec = specOf({ root: { path: '/srv/app' } });
    const template = makeTemplate(spec, { ...host, files: placedFiles(spec, BLANK_DIRECTORY), rangeSize: 65_536 });
    for (const [i, id] of ['a', 'b', 'a-longer-id'].entries()) {
      const start = 65_536 * (i + 1);
      const own = { ...spec, id, hostname: id };
      const filling = { spec: own, idRange: { start, size: 65_536 }, directory: `/run/${id}`, steps: [] };
      const program = fillTemplate(template, filling).encode();
      expect(Buffer.from(program)).toEqual(Buffer.from(encodeProgram(afresh(own, start, `/run/${id}`).boot)));
    }
  });

  it('counts the bytes of its program', () => {
    const bytes = (length: number) => {
      const spec = specOf({ process: { args: ['/bin/echo', 'x'.repeat(length)] } });
      return templateBytes(makeTemplate(spec, { ...host, files: [], rangeSize: 65_536 }));
    };
    expect(bytes(10_000) - bytes(0)).toBeGreaterThanOrEqual(10_000);
  });

  it('fills nothing into what a user wrote, however it looks', () => {
    const args = ['/bin/echo', 'hostname', 'directory', String(-(2 ** 52)), '$&'];
    const spec = specOf({ process: { args, env: { uid: String(-(2 ** 52) + 5) } } });
    const filled = byTemplate(spec, { ...spec, id: 'x', hostname: '$&' }, 65_536, '/run/x');
    expect(filled.boot).toEqual(afresh({ ...spec, id: 'x', hostname: '$&' }, 65_536, '/run/x').boot);
    expect(filled.boot.at(-1)?.strings.slice(0, 5)).toEqual(args);
  });
});
