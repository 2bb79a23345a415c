import { expect, it } from 'vitest';
import { knownConfig } from '../../../src/oci/known-config.js';

const textOf = (change: object = {}) =>
  JSON.stringify({
    ociVersion: '1.2.0',
    process: { args: ['sh'], cwd: '/', user: { uid: 1, gid: 2 } },
    root: { path: 'rootfs' },
    linux: { namespaces: [{ type: 'mount' }] },
    ...change,
  });
const toNobody = () => {};

it('gives the same frozen config for the same text', () => {
  const [first, again] = [knownConfig(textOf(), toNobody), knownConfig(textOf(), toNobody)];
  expect(again).toBe(first);
  expect(Object.isFrozen(first.config.process.user)).toBe(true);
  expect(JSON.parse(first.execConfig)).toMatchObject({ process: { args: ['sh'], user: { uid: 1 } } });
});

it('gives another config for another text', () => {
  const other = knownConfig(textOf({ hostname: 'other' }), toNobody);
  expect([other.config.hostname, knownConfig(textOf(), toNobody).config.hostname]).toEqual(['other', undefined]);
});

it('tells each time which fields have no effect', () => {
  const told: (readonly string[])[] = [];
  for (let i = 0; i < 2; i++) knownConfig(textOf({ invented: 1 }), (fields) => told.push(fields));
  expect(told).toEqual([['invented'], ['invented']]);
});

it('refuses a wrong config each time', () => {
  for (let i = 0; i < 2; i++)
    expect(() => knownConfig(textOf({ ociVersion: '9' }), toNobody)).toThrow('ociVersion: niwa-oci supports');
});
