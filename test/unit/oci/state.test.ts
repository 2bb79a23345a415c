import { expect, it } from 'vitest';
import { creatingState, listTable, ociState, shownJson, statusOf } from '../../../src/oci/state.js';

const container = { pid: 7, state: 'running', createdAt: new Date(0), life: { hasStarted: true } } as never;
const origin = { id: 'a', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations: { k: 'v' } };

it('has the fields of the OCI', () => {
  expect(ociState(container, origin, false)).toEqual({
    ociVersion: '1.3.0',
    id: 'a',
    pid: 7,
    status: 'running',
    bundle: '/b',
    rootfs: '/b/rootfs',
    created: '1970-01-01T00:00:00.000Z',
    owner: '',
    annotations: { k: 'v' },
  });
});

it('has a state while it is being made', () => {
  const state = ociState(container, origin, false);
  expect(creatingState(origin, new Date(0))).toEqual({ ...state, pid: 0, status: 'creating' });
});

it('is stopped as soon as the process has ended', () => {
  expect(ociState(container, origin, true)).toMatchObject({ status: 'stopped', pid: 0 });
});

it('calls a container that is being stopped as it was', () => {
  const stopping = (hasStarted: boolean) => statusOf({ state: 'stopping', life: { hasStarted } } as never, false);
  expect([stopping(true), stopping(false)]).toEqual(['running', 'created']);
});

it('writes a table', () => {
  expect(listTable([ociState(container, origin, false)]).split('\n')[1]).toMatch(
    /^a +7 +running +\/b +1970-\S+ +root$/,
  );
});

it('writes nothing on which a terminal acts, and the same JSON', () => {
  const hostile = 'x\u001b]0;\u007f\u009b31m\u202eend';
  const state = ociState(container, { ...origin, bundle: `/${hostile}`, annotations: { [hostile]: hostile } }, false);
  const harmful = /[\p{Cc}\u202e]/u;
  expect(shownJson(state)).not.toMatch(harmful);
  expect(JSON.parse(shownJson([state], 2))).toEqual([state]);
  expect(listTable([state]).replaceAll('\n', '')).not.toMatch(harmful);
});
