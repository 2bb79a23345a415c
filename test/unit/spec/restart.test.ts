import { expect, it } from 'vitest';
import { parseSpec } from '../../../src/spec/spec.js';
import { writtenSpec } from '../../../src/spec/written-spec.js';
import { parseYaml } from '../../../src/spec/yaml.js';

const specWith = (fields: object) => parseSpec({ process: { args: ['true'] }, ...fields }, 'web');
const problemsWith = (fields: object): string => {
  try {
    specWith(fields);
  } catch (error) {
    return (error as Error).message;
  }
  return expect.unreachable('it was accepted');
};

it('has no policy unless one is asked for', () => {
  expect(specWith({})).not.toHaveProperty('restart');
  expect(specWith({ restart: parseYaml('policy: no', 'a policy'), autoRemove: true })).not.toHaveProperty('restart');
  expect(specWith({ restart: { policy: 'no', max: 3 }, autoRemove: true })).not.toHaveProperty('restart');
});

it('has a backoff, and no bound unless one is given', () => {
  const backoff = { minUsec: 100_000, maxUsec: 60_000_000 };
  expect(specWith({ restart: { policy: 'always' } }).restart).toEqual({ policy: 'always', backoff, max: null });
  expect(specWith({ restart: { policy: 'on-failure', backoff: { min: '1s', max: '1s' }, max: 0 } }).restart).toEqual({
    policy: 'on-failure',
    backoff: { minUsec: 1_000_000, maxUsec: 1_000_000 },
    max: 0,
  });
});

it('is written as a user could have written it', () => {
  for (const restart of [
    { policy: 'always' as const },
    { policy: 'on-failure' as const, backoff: { min: '2s', max: '2m' }, max: 0 },
  ])
    expect(writtenSpec(specWith({ restart })).restart).toEqual(restart);
});

it('is refused where it cannot mean anything', () => {
  expect(problemsWith({ restart: { policy: 'allways' } })).toContain('restart.policy');
  expect(problemsWith({ restart: 'always' })).toContain('an object with policy, backoff and max');
  expect(problemsWith({ restart: { policy: 'always', max: -1 } })).toContain('restart.max');
  expect(problemsWith({ restart: { policy: 'always' }, autoRemove: true })).toContain('autoRemove: found true');
  expect(problemsWith({ restart: { policy: 'always', backoff: { min: '1ms' } } })).toContain('from 10ms to 1h');
  expect(problemsWith({ restart: { policy: 'always', backoff: { max: '10ms' } } })).toContain('from 1s to 1d');
  expect(problemsWith({ restart: { policy: 'always', backoff: { min: '2m' } } })).toContain('at most');
});
