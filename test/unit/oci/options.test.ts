import { expect, it } from 'vitest';
import { Call } from '../../../src/oci/options.js';

const callOf = (verb: string, values: Record<string, string[]>) =>
  new Call({ verb, values: new Map(Object.entries(values)) });

it('gives the last value of an option, and arguments by their index', () => {
  const call = callOf('kill', { root: ['/a', '/b'], argument: ['x', '9'], all: ['false'] });
  expect([call.root, call.argument(0, 'an id'), call.optional(1), call.has('all')]).toEqual(['/b', 'x', '9', false]);
  expect(() => call.argument(2, 'more')).toThrow('kill needs more');
});

it.each([
  ['create', 'empty-ns', 'network'],
  ['kill', 'kept-fds', '1'],
  ['state', 'format', 'json'],
])('%s refuses --%s %s by its name', (verb, name, value) => {
  expect(() => callOf(verb, { [name]: [value] })).toThrow(`${verb} --${name} is not supported yet by niwa-oci`);
});

it('takes a number', () => {
  expect([callOf('create', { 'kept-fds': ['3'] }).count('kept-fds'), callOf('create', {}).count('kept-fds')]).toEqual([
    3, 0,
  ]);
  expect(() => callOf('create', { 'kept-fds': ['-1'] }).count('kept-fds')).toThrow('--kept-fds has to be a number: -1');
});

it('knows the cgroup manager of the engine', () => {
  const by = (values: Record<string, string[]>) => callOf('create', values).bySystemd;
  expect(by({ 'systemd-cgroup': ['true'] })).toBe(true);
  expect(by({ 'cgroup-manager': ['systemd'] })).toBe(true);
  expect(by({ 'systemd-cgroup': ['false'], 'cgroup-manager': ['cgroupfs'] })).toBe(false);
  expect(() => callOf('create', { 'cgroup-manager': ['other'] })).toThrow('--cgroup-manager "other": it has to be');
});

it('takes options that ask for nothing', () => {
  callOf('create', {
    'systemd-cgroup': ['false'],
    'cgroup-manager': ['cgroupfs'],
    rootless: ['auto'],
  });
});
