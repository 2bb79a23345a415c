import { expect, it } from 'vitest';
import type { OciConfig, OciHooks } from '../../../../src/plan/oci/config.js';
import { hookState, rootHooks, settled, startHookOps } from '../../../../src/plan/oci/hooks.js';

const SUBJECT = { id: 'a', bundle: '/b', annotations: {} };
const configOf = (hooks: OciHooks): OciConfig => ({
  ociVersion: '1.3.0',
  process: { user: { uid: 0, gid: 0 }, args: ['true'], cwd: '/', env: ['OF=program'] },
  root: { path: 'rootfs' },
  hooks,
});

it('tells hooks of the state of their container', () => {
  const state = JSON.parse(hookState({ ...SUBJECT, annotations: { x: 'y' } }, 'running', 7));
  expect(state).toEqual({
    ociVersion: '1.3.0',
    id: 'a',
    status: 'running',
    bundle: '/b',
    annotations: { x: 'y' },
    pid: 7,
  });
  expect(hookState(SUBJECT, 'stopped', 0)).not.toContain('annotations');
});

it('gives a hook its path as its name, and no end of its time', () => {
  expect(settled({ path: '/x' })).toEqual({ path: '/x', args: ['/x'] });
  expect(settled({ path: '/x', args: [], env: [], timeout: 2 })).toEqual({
    path: '/x',
    args: ['/x'],
    env: [],
    timeoutMs: 2000,
  });
});

it('pauses only for hooks outside, and lets those inside run with a usual umask', () => {
  const names = (hooks: OciHooks) => rootHooks(configOf(hooks), '/b/rootfs', SUBJECT).run.map(({ name }) => name);
  const one = [{ path: '/x' }];
  expect(names({})).toEqual([]);
  expect(names({ startContainer: one, poststart: one, poststop: one })).toEqual([]);
  expect(names({ prestart: one, createRuntime: one })).toEqual(['pause']);
  expect(names({ createRuntime: one, createContainer: one })).toEqual(['pause', 'umask', 'hook', 'umask']);
});

it('moves the root to where hooks look for it', () => {
  const texts = (hooks: OciHooks, root = '/b/rootfs') =>
    rootHooks(configOf(hooks), root, SUBJECT).before.map(({ text }) => text);
  expect(texts({ prestart: [{ path: '/x' }] })).toEqual(['move the root to /b/rootfs']);
  expect(texts({ poststop: [{ path: '/x' }] })).toEqual([]);
  expect(texts({ prestart: [{ path: '/x' }] }, '/')).toEqual([]);
});

it('leaves room for the pid in the state of a hook inside', () => {
  const [inside] = startHookOps(configOf({ startContainer: [{ path: '/x', timeout: 3 }] }), SUBJECT);
  expect(inside?.numbers).toEqual([3000, 1]);
  const [path, directory, before, behind, ...rest] = inside?.strings ?? [];
  expect([path, directory, ...rest]).toEqual(['/x', '', '/x', 'OF=program']);
  expect(JSON.parse(`${before}42${behind}`)).toMatchObject({ status: 'created', pid: 42 });
});
