import { describe, expect, it } from 'vitest';
import { groupInScope, scopeOf } from '../../../../src/plan/oci/scope.js';

describe('the scope of a config', () => {
  it.each([
    ['machine.slice:libpod:abc', 'machine.slice', 'libpod-abc.scope', 'machine.slice/libpod-abc.scope/container'],
    ['a-b-c.slice:cri:x', 'a-b-c.slice', 'cri-x.scope', 'a.slice/a-b.slice/a-b-c.slice/cri-x.scope/container'],
    ['::x', 'system.slice', 'x.scope', 'system.slice/x.scope/container'],
    ['-.slice:docker:x', '-.slice', 'docker-x.scope', 'docker-x.scope/container'],
    ['-:docker:x', '-.slice', 'docker-x.scope', 'docker-x.scope/container'],
    ['', 'system.slice', 'niwa-oci-a\\x2b1.scope', 'system.slice/niwa-oci-a\\x2b1.scope/container'],
  ])('%j is in %s as %s', (cgroupsPath, slice, unit, group) => {
    const scope = scopeOf(cgroupsPath, 'a+1');
    expect(scope).toEqual({ unit, slice });
    expect(groupInScope(scope)).toBe(group);
  });

  it.each([
    ['/a/b', 'it has to be slice:prefix:name'],
    ['a.slice:b:', 'it has to be slice:prefix:name'],
    ['a.slice:b:c:d', 'it has to be slice:prefix:name'],
    ['a.slice:b:c/d', 'niwa-oci makes no scope called b-c/d.scope'],
    ['a.slice:b:c+d', 'niwa-oci makes no scope called b-c+d.scope'],
    ['a.slice::_c', 'niwa-oci makes no scope called _c.scope'],
    ['a.slice::memory', 'niwa-oci makes no scope called memory.scope'],
    [`a.slice:b:${'c'.repeat(250)}`, 'has at most 255 characters'],
    ['--help:b:c', 'no slice of systemd can be called --help'],
    ['a:b:c', 'no slice of systemd can be called a'],
    ['.slice:b:c', 'no slice of systemd can be called .slice'],
    ['-a.slice:b:c', 'no slice of systemd can be called -a.slice'],
    ['a--b.slice:b:c', 'no slice of systemd can be called a--b.slice'],
    ['../a.slice:b:c', 'no slice of systemd can be called ../a.slice'],
  ])('%j is refused', (cgroupsPath, message) => {
    expect(() => scopeOf(cgroupsPath, 'one')).toThrow(message);
  });

  it('of an id has a name that a unit can have', () => {
    expect(() => scopeOf('', 'a'.repeat(300))).toThrow('the id of the container');
  });
});
