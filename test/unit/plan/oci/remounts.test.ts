import { describe, expect, it } from 'vitest';
import type { OciMount } from '../../../../src/plan/oci/config.js';
import { ociMountOp } from '../../../../src/plan/oci/mounts.js';
import { withRemounts } from '../../../../src/plan/oci/remounts.js';

const TMPFS = { destination: '/a', type: 'tmpfs', source: 'tmpfs' };
const BIND = { destination: '/a', type: 'bind', source: '/srv' };
const remount = (...options: string[]): OciMount => ({ destination: '/a/', options: ['remount', ...options] });
const optionsOf = (...mounts: OciMount[]) => withRemounts(mounts).map(({ options }) => options);

describe('a remount', () => {
  it('restricts, at its place', () => {
    expect(optionsOf(TMPFS, remount('ro'))).toEqual([[], ['remount', 'ro']]);
    expect(ociMountOp(remount('bind', 'ro', 'rnosuid', 'slave'), 'mounts[0]', undefined)).toMatchObject({
      name: 'remount_root',
      text: 'remount /a/ (ro, rnosuid, slave)',
      numbers: [0, ...[0, 1, 0, 0, 0], ...[1, 2, 0, 0, 0], ...[0, 0, 0, 1 << 19, 0]],
      strings: ['/a/'],
    });
  });

  it('lifts restrictions of the mount itself, and of earlier remounts, and none by its path', () => {
    expect(optionsOf({ ...TMPFS, options: ['ro'] }, remount('nosuid'), remount('rw', 'suid'))).toEqual([
      ['ro', 'suid', 'rw'],
      ['remount', 'nosuid', 'suid', 'rw'],
      ['remount', 'rw', 'suid'],
    ]);
    expect(ociMountOp(remount('rw', 'rsuid'), 'mounts[0]', undefined).numbers).toEqual([0]);
  });

  it('gives options of a file system to the mount that it is of, the last one before it', () => {
    const covering = { ...TMPFS, options: ['size=1'] };
    expect(optionsOf(TMPFS, { ...TMPFS, destination: '/b' }, covering, remount('size=2', 'ro'))).toEqual([
      [],
      [],
      ['size=1', 'size=2'],
      ['remount', 'ro'],
    ]);
  });

  it.each([
    [[remount('rw')], 'mounts[0].options[1] "rw": no mount before it has this destination'],
    [[remount('size=1')], 'mounts[0].options[1] "size=1": others may use what is mounted there'],
    [[BIND, remount('size=1')], 'mounts[1].options[1] "size=1": others may use what is mounted there'],
    [[TMPFS, remount('bind', 'size=1')], 'mounts[1].options[2] "size=1": it is of a file system'],
  ])('of %j is refused by its option', (mounts, message) => {
    expect(() => withRemounts(mounts)).toThrow(message);
  });
});
