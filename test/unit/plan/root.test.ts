import { describe, expect, it } from 'vitest';
import { rootOps } from '../../../src/plan/root.js';
import type { SpecInput } from '../../../src/spec/schema.js';
import { specOf } from '../support.js';

const opsOf = (fields: Partial<SpecInput> = {}) => rootOps(specOf(fields), '/stage');
const textsOf = (fields: Partial<SpecInput> = {}) => opsOf(fields).map(({ text }) => text);

describe('the root', () => {
  it('is cut off from the host before anything is mounted', () => {
    expect(textsOf()[0]).toBe('make all mounts private');
  });

  it("is an overlay on the host's own by default", () => {
    expect(textsOf().slice(1, 7)).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/upper 0755',
      'mkdir /stage/work 0755',
      'mkdir /stage/root 0755',
      'mount overlay on /stage/root (nodev, lowerdir=/, upperdir=/stage/upper, workdir=/stage/work)',
      'take /stage/root as the root',
    ]);
  });

  it('bounds what is written to an overlay', () => {
    expect(textsOf({ root: { overlay: { size: '1M' } } })[1]).toBe('mount tmpfs on /stage (mode=0755, size=1048576)');
  });

  it('is bound without an overlay', () => {
    expect(textsOf({ root: { path: '/srv' } }).slice(1, 3)).toEqual([
      'bind /srv on /stage (nodev)',
      'take /stage as the root',
    ]);
  });

  it('is built outside of the new root, everything else inside of it', () => {
    const ops = opsOf({ mounts: [{ type: 'bind', source: '/a', target: '/b' }] });
    const taken = ops.findIndex(({ name }) => name === 'root');
    const places = ops.map(({ name, numbers }) => (['mount', 'bind', 'mkdir'].includes(name) ? numbers[1] : undefined));
    expect(new Set(places.slice(0, taken))).toEqual(new Set([undefined, 0]));
    expect(new Set(places.slice(taken))).toEqual(new Set([undefined, 1]));
  });

  it('of a path with a colon is one lower directory', () => {
    const overlay = opsOf({ root: { path: '/a:b\\c', overlay: true } }).find(({ strings }) => strings[0] === 'overlay');
    expect(overlay?.strings).toContain('lowerdir=/a\\:b\\\\c');
  });

  it('is left by the last operation', () => {
    expect(opsOf().at(-1)?.name).toBe('pivot');
  });

  it('is made read-only after everything is mounted on it', () => {
    const fields: Partial<SpecInput> = {
      root: { path: '/srv', readonly: true },
      mounts: [{ type: 'tmpfs', target: '/tmp' }],
    };
    expect(textsOf(fields).slice(-2)).toEqual(['remount / (ro)', 'pivot_root into it and detach the host']);
    expect(textsOf({ root: { path: '/srv' } })).not.toContain('remount / (ro)');
  });

  it.each<[NonNullable<SpecInput['mounts']>[number], string]>([
    [{ type: 'bind', source: '/a', target: '/b' }, 'bind /a on /b (nosuid, nodev)'],
    [{ type: 'bind', source: '/a', target: '/b', readonly: true }, 'bind /a on /b (ro, nosuid, nodev)'],
    [{ type: 'tmpfs', target: '/t' }, 'mount tmpfs on /t (nosuid, nodev, mode=1777)'],
    [
      { type: 'tmpfs', target: '/t', size: '1K', readonly: true },
      'mount tmpfs on /t (ro, nosuid, nodev, mode=1777, size=1024)',
    ],
  ])('has the mount %j', (mount, text) => {
    expect(textsOf({ mounts: [mount] })).toContain(text);
  });

  it('has the mounts of the spec in their order, after /dev and before what is hidden', () => {
    const mounts = ['/b', '/a', '/dev/x'].map((target) => ({ type: 'tmpfs' as const, target }));
    const targets = opsOf({ mounts }).map(({ strings }) => strings[2] ?? strings[0]);
    const places = ['/dev/mqueue', '/b', '/a', '/dev/x', '/proc/kcore'].map((target) => targets.indexOf(target));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it('hides what the kernel shows of the whole machine, and makes its switches read-only', () => {
    const texts = textsOf();
    for (const path of ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'])
      expect(texts).toContain(`hide ${path}`);
    for (const path of ['/proc/sys', '/proc/sysrq-trigger', '/proc/bus'])
      expect(texts).toContain(`make ${path} read-only`);
    expect(texts).toContain('mount proc on /proc (nosuid, nodev, noexec)');
    expect(texts).toContain('mount sysfs on /sys (ro, nosuid, nodev, noexec)');
  });

  it('has six devices and no others', () => {
    const devices = opsOf().filter(({ name }) => name === 'mknod');
    expect(devices.map(({ strings }) => strings[0])).toEqual([
      '/dev/null',
      '/dev/zero',
      '/dev/full',
      '/dev/random',
      '/dev/urandom',
      '/dev/tty',
    ]);
  });

  it.each([
    ['new', true],
    ['/proc/1/ns/cgroup', true],
    ['host', false],
  ])('with the cgroup namespace %s shows its own groups: %s', (cgroup, shown) => {
    const text = 'mount cgroup2 on /sys/fs/cgroup (ro, nosuid, nodev, noexec)';
    expect(textsOf({ namespaces: { cgroup } }).includes(text)).toBe(shown);
  });

  it.each(['host', '/proc/1/ns/mnt'])('is left alone in the mount namespace %s', (mount) => {
    expect(opsOf({ namespaces: { mount } })).toEqual([]);
  });
});
