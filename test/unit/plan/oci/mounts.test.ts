import { describe, expect, it } from 'vitest';
import { hasOwnGroups, ociMountOp } from '../../../../src/plan/oci/mounts.js';

const RDONLY = 1;
const NOSUID = 2;
const ATIME = 0x70;
const MS_SLAVE = 1 << 19;
const NO_MAP = 0;

const opOf = (options: string[], type = 'tmpfs') =>
  ociMountOp({ destination: '/a', type, source: 's', options }, 'mounts[0]', '/s');

describe('the options of a new mount', () => {
  it('go to the mount or to its file system', () => {
    expect(opOf(['nosuid', 'strictatime', 'mode=755', 'rw'])).toMatchObject({
      text: 'mount tmpfs on /a (nosuid, strictatime, mode=755)',
      numbers: [NOSUID | 0x20, 1, 0],
      strings: ['tmpfs', 's', '/a', 'mode=755'],
    });
  });

  it('cancel earlier ones', () => {
    expect(opOf(['ro', 'noatime', 'rw', 'relatime']).numbers).toEqual([0, 1, 0]);
  });

  it('set attributes after the copy of what the mount covers', () => {
    expect(opOf(['ro', 'tmpcopyup']).numbers).toEqual([0, 1, 2, 0, RDONLY, 0, 0, NO_MAP]);
    expect(opOf(['tmpcopyup', 'mode=700']).numbers[2]).toBe(1);
  });
});

describe('the options of a bind', () => {
  // after the attributes, the place, recursive, no id map, and whether it keeps the propagation
  it.each([
    [
      ['rbind', 'ro'],
      [1, 0, 0],
      [0, RDONLY, 0, 0, NO_MAP],
    ],
    [
      ['rbind', 'rro'],
      [1, 0, 0],
      [1, RDONLY, 0, 0, NO_MAP],
    ],
    [
      ['bind', 'rrw'],
      [0, 0, 0],
      [1, 0, RDONLY, 0, NO_MAP],
    ],
    [
      ['bind', 'noatime'],
      [0, 0, 0],
      [0, 0x10, ATIME, 0, NO_MAP],
    ],
    [['rbind', 'rprivate'], [1, 0, 0], []],
    [
      ['rbind', 'rslave'],
      [1, 0, 1],
      [1, 0, 0, MS_SLAVE, NO_MAP],
    ],
    [
      ['bind', 'rbind', 'slave'],
      [1, 0, 1],
      [0, 0, 0, MS_SLAVE, NO_MAP],
    ],
  ])('%j hold for the mount, or with an r for all below', (options, [recursive, ...rest], changes) => {
    expect(opOf(options, 'bind').numbers).toEqual([0, 3, recursive, ...rest, ...changes]);
  });

  it('lift no restriction of what is bound', () => {
    expect(opOf(['bind', 'rw', 'suid', 'dev', 'exec'], 'bind').numbers).toEqual([0, 3, 0, 0, 0]);
  });

  it('need a source', () => {
    const item = { destination: '/a', type: 'bind', options: ['rbind'] };
    expect(() => ociMountOp(item, 'mounts[0]', undefined)).toThrow('mounts[0].source: it is missing');
  });
});

describe('an option', () => {
  it.each([
    [['remount', 'tmpcopyup'], 'tmpfs', 'mounts[0].options[1] "tmpcopyup": a remount has no such option'],
    [['bind', 'size=1'], 'bind', 'mounts[0].options[1] "size=1": a bind mount has no such option'],
    [['idmap'], 'tmpfs', 'mounts[0].options[0] "idmap": only the ids of a bind can be mapped'],
    [['idmap=uids=0-1-2'], 'tmpfs', 'mounts[0].options[0] "idmap=uids=0-1-2": only the ids of a bind can be mapped'],
    [['bind', 'tmpcopyup'], 'bind', 'mounts[0].options[1] "tmpcopyup": a bind mount has no such option'],
    [['tmpcopyup'], 'proc', 'mounts[0].options "tmpcopyup": only a tmpfs has it'],
    [['constructor'], 'bind', 'mounts[0].options[0] "constructor": a bind mount has no such option'],
  ])('%j of a %s is refused by its name', (options, type, message) => {
    expect(() => opOf(options, type)).toThrow(message);
  });
});

describe('the group of a container is given to its root', () => {
  const groups = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid'] };
  const remount = (destination: string, ...options: string[]) => ({ destination, options: ['remount', ...options] });
  const readOnly = { ...groups, options: ['ro'] };

  it.each([
    ['with a cgroup mount that is writable', [groups], true],
    ['with one of several that is', [readOnly, { ...groups, destination: '/g' }], true],
    ['where a later word makes it writable', [{ ...groups, options: ['ro', 'rw'] }], true],
    ['where another mount is made read-only', [groups, remount('/sys', 'ro')], true],
    ['not with a read-only one', [readOnly], false],
    ['not where a remount makes it read-only', [groups, remount('/sys/fs/cgroup', 'ro')], false],
    ['not where the remount writes the place in another form', [groups, remount('/sys//fs/cgroup/', 'ro')], false],
    ['not with a bind', [{ ...groups, type: 'bind', source: '/sys/fs/cgroup' }], false],
    ['not without a cgroup mount', [{ destination: '/a', type: 'tmpfs' }, remount('/a', 'rw')], false],
  ])('%s', (_, mounts, isGiven) => {
    expect(hasOwnGroups(mounts)).toBe(isGiven);
  });
});
