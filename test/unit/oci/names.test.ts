import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { OciNames } from '../../../src/oci/names.js';
import { creatingState } from '../../../src/oci/state.js';

const stateOf = (id: string) => creatingState({ id, bundle: '/b', rootfs: '/b/rootfs', annotations: {} }, new Date(0));
const containerOf = (id: string) => ({ id: `niwa-${id}`, spec: { oci: { id, root: '/r' } } }) as never;

it('knows a container that is being made, and says when it is over', async () => {
  const names = new OciNames(() => false);
  const giveBack = names.reserve('/r', stateOf('a'), true);
  expect(names.making('/r', 'a')).toEqual(stateOf('a'));
  expect(names.making('/other', 'a')).toBeUndefined();
  expect(() => names.idOf('/r', 'a')).toThrow('container "a" is still being created');
  expect(() => names.reserve('/r', stateOf('a'), true)).toThrow('already exists');
  const told: string[] = [];
  const over = names.made('/r', 'a').then(() => told.push('over'));
  await names.made('/r', 'b');
  expect(told).toEqual([]);
  names.add(containerOf('a'));
  giveBack();
  await over;
  expect(names.making('/r', 'a')).toBeUndefined();
  expect(names.idOf('/r', 'a')).toBe('niwa-a');
});

it('lets who asks for a state wait only where the container is made in a moment', async () => {
  const names = new OciNames(() => false);
  names.reserve('/r', stateOf('hooks'), false);
  const giveBack = names.reserve('/r', stateOf('quick'), true);
  const told: string[] = [];
  const waiting = ['quick', 'hooks', 'none'].map(async (id) => {
    await names.madeSoon('/r', id);
    told.push(id);
  });
  await sleep(50);
  expect(told.toSorted()).toEqual(['hooks', 'none']);
  giveBack();
  await Promise.all(waiting);
  expect(told.at(-1)).toBe('quick');
});

it('does not know a container that was not made after all', () => {
  const names = new OciNames(() => false);
  names.reserve('/r', stateOf('a'), true)();
  expect(() => names.idOf('/r', 'a')).toThrow('container "a" does not exist');
});

it('does not take one container for another one that has its name', () => {
  const names = new OciNames(() => false);
  names.add(containerOf('a'));
  expect([names.has('/r', 'a'), names.has('/r', 'a', 'niwa-a'), names.has('/r', 'a', 'other')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(names.idOf('/r', 'a', 'niwa-a')).toBe('niwa-a');
  expect(() => names.idOf('/r', 'a', 'other')).toThrow('container "a" does not exist');
});

it('frees the name of a container that is over, and keeps that of the next one when it is removed', () => {
  const over = new Set<string>();
  const names = new OciNames((id) => over.has(id));
  names.add(containerOf('a'));
  over.add('niwa-a');
  expect([names.has('/r', 'a'), names.ids('/r')]).toEqual([false, []]);
  expect(() => names.idOf('/r', 'a')).toThrow('container "a" does not exist');
  const giveBack = names.reserve('/r', stateOf('a'), true);
  names.add({ id: 'next', spec: { oci: { id: 'a', root: '/r' } } } as never);
  giveBack();
  names.removed('niwa-a');
  expect(names.idOf('/r', 'a')).toBe('next');
});

it.each(['first', 'last'])('knows the living one of two that had the same name, where that comes %s', (order) => {
  const names = new OciNames((id) => id === 'ended');
  const both = ['living', 'ended'].map((id) => ({ id, spec: { oci: { id: 'a', root: '/r' } } }) as never);
  for (const container of order === 'first' ? both : both.reverse()) names.add(container);
  expect(names.idOf('/r', 'a')).toBe('living');
  names.removed('ended');
  expect(names.idOf('/r', 'a')).toBe('living');
});

it('knows a container by the directory of its root, however an earlier version has written that', () => {
  const names = new OciNames(() => false);
  names.add({ id: 'niwa-a', spec: { oci: { id: 'a', root: '//run/./r/' } } } as never);
  expect([names.idOf('/run/r', 'a'), names.ids('/run/r')]).toEqual(['niwa-a', ['niwa-a']]);
  names.removed('niwa-a');
  expect(names.has('/run/r', 'a')).toBe(false);
});
