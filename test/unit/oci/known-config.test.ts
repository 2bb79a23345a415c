import { expect, it } from 'vitest';
import { knownConfig } from '../../../src/oci/known-config.js';
import { capabilityMask } from '../../../src/spec/capabilities.js';

const textOf = (change: object = {}) =>
  JSON.stringify({
    ociVersion: '1.2.0',
    process: { args: ['sh'], cwd: '/', user: { uid: 1, gid: 2 } },
    root: { path: 'rootfs' },
    linux: { namespaces: [{ type: 'mount' }] },
    ...change,
  });
const toNobody = () => {};
const ALL = -1n;

it('gives the same frozen config for the same text', () => {
  const [first, again] = [knownConfig(textOf(), ALL, toNobody), knownConfig(textOf(), ALL, toNobody)];
  expect(again).toBe(first);
  expect(Object.isFrozen(first.config.process.user)).toBe(true);
  expect(JSON.parse(first.execConfig)).toMatchObject({ process: { args: ['sh'], user: { uid: 1 } } });
});

it('gives another config for another text', () => {
  const other = knownConfig(textOf({ hostname: 'other' }), ALL, toNobody);
  expect([other.config.hostname, knownConfig(textOf(), ALL, toNobody).config.hostname]).toEqual(['other', undefined]);
});

it('tells each time which fields have no effect', () => {
  const told: (readonly string[])[] = [];
  for (let i = 0; i < 2; i++) knownConfig(textOf({ invented: 1 }), ALL, (fields) => told.push(fields));
  expect(told).toEqual([['invented'], ['invented']]);
});

it('refuses a wrong config each time', () => {
  for (let i = 0; i < 2; i++)
    expect(() => knownConfig(textOf({ ociVersion: '9' }), ALL, toNobody)).toThrow('ociVersion: niwa-oci supports');
});

it('gives a command with fewer capabilities a config of its own, and tells what it lacks', () => {
  const capabilities = { bounding: ['CAP_KILL', 'CAP_CHOWN'] };
  const text = textOf({ process: { args: ['sh'], cwd: '/', user: { uid: 1, gid: 2 }, capabilities } });
  const told: (readonly string[])[] = [];
  const boundingFor = (own: bigint) =>
    knownConfig(text, own, (fields) => told.push(fields)).config.process.capabilities?.bounding;
  expect([ALL, capabilityMask(['KILL']), ALL].map(boundingFor)).toEqual([
    ['CAP_KILL', 'CAP_CHOWN'],
    ['CAP_KILL'],
    ['CAP_KILL', 'CAP_CHOWN'],
  ]);
  expect(told).toEqual([[expect.stringContaining('"CAP_CHOWN"')]]);
});
