import { expect, it } from 'vitest';
import { firstState } from '../../../src/engine/saved-state.js';
import { STATE_VERSION } from '../../../src/engine/saved-state-schema.js';
import { keepRest, restOf, specText } from '../../../src/engine/spec-text.js';
import { changeText, stateText } from '../../../src/engine/state-text.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, specOf } from '../support.js';

const written = (value: object) => JSON.parse(JSON.stringify(value)) as object;
const SPECS = [
  specOf({ id: 'one', hostname: 'host.name', labels: { id: 'x', hostname: 'a"b' } }),
  specOf({ id: 'two', namespaces: { uts: 'host' } }),
  specOf({ id: 'three', autoRemove: true, process: { args: ['true'], env: { id: '"id":"one"' } } }),
];

it.each(SPECS)('the text of a spec says the same, kept or not: %j', (spec) => {
  expect(JSON.parse(specText(spec))).toEqual(written(spec));
  keepRest(spec, restOf(spec));
  expect(JSON.parse(specText(spec))).toEqual(written(spec));
});

it('specs that differ in id and host name alone share the rest', () => {
  const spec = specOf({ id: 'one', hostname: 'here' });
  expect(restOf({ ...spec, id: 'two', hostname: null })).toBe(restOf(spec));
  expect(restOf({ ...spec, init: true })).not.toBe(restOf(spec));
});

it.each(SPECS)('the text of a state has all its fields: %j', (spec) => {
  const saved = firstState(spec, makePlan(spec, capableHost), { idRange: null, lease: null }, 'boot');
  expect(JSON.parse(stateText(saved))).toEqual(written({ ...saved, version: STATE_VERSION }));
  const { run, spec: _, cgroup, userns, idRange, lease, createdAt, ...change } = saved;
  expect(JSON.parse(changeText(saved))).toEqual(written(change));
});
