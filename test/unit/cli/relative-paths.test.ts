import { expect, test } from 'vitest';
import { withAbsolutePaths } from '../../../src/cli/relative-paths.js';

test('paths of a spec file are relative to its folder', () => {
  const spec = {
    root: { path: './root', readonly: true },
    mounts: [
      { type: 'bind', source: '../site', target: '/srv' },
      { type: 'tmpfs', target: '/run' },
    ],
  };
  expect(withAbsolutePaths(spec, '/home/alice/web')).toEqual({
    root: { path: '/home/alice/web/root', readonly: true },
    mounts: [
      { type: 'bind', source: '/home/alice/site', target: '/srv' },
      { type: 'tmpfs', target: '/run' },
    ],
  });
  expect(spec.root.path).toBe('./root');
});

test('those of a root in a file and of what is written over it too', () => {
  const spec = { root: { file: './root.squashfs', overlay: { directory: '../data', size: '1G' } } };
  expect(withAbsolutePaths(spec, '/srv/web')).toEqual({
    root: { file: '/srv/web/root.squashfs', overlay: { directory: '/srv/data', size: '1G' } },
  });
});

const unchanged: [what: string, spec: unknown][] = [
  ['absolute paths', { root: { path: '/srv' }, mounts: [{ type: 'bind', source: '/srv', target: '/mnt' }] }],
  ['names without a dot, which the daemon refuses', { root: { path: 'root' } }],
  ['paths inside the container', { process: { args: ['./run'], cwd: './here' }, mounts: [{ target: './here' }] }],
  ['a root without paths', { root: { overlay: true } }],
  ['what is no spec', { root: './root', mounts: { source: './x' } }],
  ['a list', ['./root']],
  ['nothing', null],
];

test.each(unchanged)('leaves %s alone', (_, spec) => {
  expect(withAbsolutePaths(spec, '/folder')).toEqual(spec);
});
