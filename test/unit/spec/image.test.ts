import { describe, expect, it } from 'vitest';
import type { SpecInput } from '../../../src/protocol/spec.js';
import type { ImageDefaults } from '../../../src/spec/image.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { problemsIn, refusal } from '../support.js';

const IMAGE: ImageDefaults = {
  name: 'app:latest',
  id: `sha256:${'a'.repeat(64)}`,
  layers: ['/images/top', '/images/bottom'],
  user: '10:20',
  env: { PATH: '/app', A: '1', B: '2' },
  entrypoint: ['/entry', 'point'],
  cmd: ['cmd'],
  cwd: '/work',
  labels: { team: 'x', other: 'y', 'not a label': 'z' },
  stopSignal: 'SIGRTMIN+3',
  namesGroup: true,
};
const specOf = (input: SpecInput, image: Partial<ImageDefaults> = {}) =>
  parseSpec({ root: { image: 'app' }, ...input }, 'id', () => ({ ...IMAGE, ...image }));
const argsOf = (process: SpecInput['process'], image?: Partial<ImageDefaults>) =>
  specOf({ ...(process === undefined ? {} : { process }) }, image).process.args;

describe('the image of a spec', () => {
  it('says all that the spec leaves out', () => {
    const { process, root, labels, stopSignal } = specOf({});
    expect(process).toMatchObject({ args: ['/entry', 'point', 'cmd'], cwd: '/work', uid: 10, gid: 20, user: null });
    expect(process.env).toEqual({ PATH: '/app', A: '1', B: '2' });
    expect(root).toMatchObject({ path: null, layers: IMAGE.layers, image: { name: IMAGE.name, id: IMAGE.id } });
    expect(root.overlay).toMatchObject({ sizeBytes: null });
    expect([labels, stopSignal]).toEqual([{ team: 'x', other: 'y' }, 'SIGRTMIN+3']);
  });

  it('is overruled by what the spec says', () => {
    const spec = specOf({
      process: { env: { A: '3' }, cwd: '/', user: 0 },
      labels: { team: 'z' },
      stopSignal: 15,
      root: { image: 'app', overlay: { size: '1M' } },
    });
    expect(spec.process).toMatchObject({ env: { PATH: '/app', A: '3', B: '2' }, cwd: '/', uid: 0, gid: 0 });
    expect([spec.labels, spec.stopSignal]).toEqual([{ team: 'z', other: 'y' }, 'SIGTERM']);
    expect(spec.root.overlay).toMatchObject({ sizeBytes: 1048576 });
  });

  it('combines commands as Docker does', () => {
    expect(argsOf({ args: ['x'] })).toEqual(['/entry', 'point', 'x']);
    expect(argsOf({ args: ['x'], entrypoint: [] })).toEqual(['x']);
    expect(argsOf({ entrypoint: ['/own'] })).toEqual(['/own']);
    expect(argsOf({ entrypoint: ['/own'], args: ['x'] })).toEqual(['/own', 'x']);
    expect(argsOf(undefined, { entrypoint: [] })).toEqual(['cmd']);
  });

  it('is refused where neither says what to run', () => {
    const problems = problemsIn(() => specOf({}, { entrypoint: [], cmd: [] }));
    expect(problems).toMatchObject([{ path: 'process.args', found: 'nothing' }]);
  });

  it('is refused where it says what no spec may', () => {
    expect(problemsIn(() => specOf({}, { cwd: 'relative' }))).toMatchObject([{ path: 'process.cwd' }]);
    expect(problemsIn(() => specOf({}, { user: 'a b' }))).toMatchObject([{ path: 'process.user' }]);
    expect(problemsIn(() => specOf({}, { stopSignal: 'SIGNO' }))).toMatchObject([{ path: 'stopSignal' }]);
    expect(problemsIn(() => specOf({}, { user: '70000' }))).toMatchObject([{ path: 'process.user' }]);
  });

  it('is the only root, and never written to', () => {
    expect(problemsIn(() => specOf({ root: { image: 'app', path: '/srv' } }))).toMatchObject([{ path: 'root.image' }]);
    expect(problemsIn(() => specOf({ root: { image: 'app', overlay: false } }))).toMatchObject([
      { path: 'root.overlay' },
    ]);
    expect(problemsIn(() => parseSpec({ process: { args: ['x'], entrypoint: [] } }, 'id'))).toMatchObject([
      { path: 'process.entrypoint' },
    ]);
  });

  it('is looked up only where there is a daemon', () => {
    expect(refusal(() => parseSpec({ root: { image: 'app' } }, 'id')).code).toBe('NOT_FOUND');
  });
});

describe('the user by name', () => {
  it('is left to the root', () => {
    expect(specOf({ process: { user: 'www-data:adm' } }).process.user).toBe('www-data:adm');
    expect(parseSpec({ process: { args: ['x'], user: '7:8' } }, 'id').process).toMatchObject({
      user: null,
      uid: 7,
      gid: 8,
    });
  });

  it.each(['', ':', 'a:', ':a', 'a b', '../x', 'a:b:c', '-a'])('%j is refused', (user) => {
    expect(problemsIn(() => parseSpec({ process: { args: ['x'], user } }, 'id'))).toMatchObject([
      { path: 'process.user' },
    ]);
  });
});
