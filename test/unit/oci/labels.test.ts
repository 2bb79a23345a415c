import { describe, expect, it } from 'vitest';
import { withLabels } from '../../../src/oci/labels.js';

const PROCESS = { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' };
const NONE = { apparmor: false, selinux: false };
const ALL = { apparmor: true, selinux: true };

describe('the labels of a process', () => {
  it('are those of the config where the host can set them', () => {
    const labels = { apparmorProfile: 'strict', selinuxLabel: 'a:b:c:s0' };
    expect(withLabels({ ...PROCESS, ...labels }, 'a:b:d:s0', ALL)).toEqual({ ...PROCESS, ...labels });
    expect(withLabels({ ...PROCESS, apparmorProfile: 'unconfined' }, '', ALL).apparmorProfile).toBe('unconfined');
  });

  it('are none where they ask for what the host has anyway', () => {
    expect(withLabels({ ...PROCESS, apparmorProfile: 'unconfined', selinuxLabel: '' }, '', NONE)).toEqual(PROCESS);
  });

  it.each([
    [{ apparmorProfile: 'strict' }, '', 'process.apparmorProfile: AppArmor is disabled or not supported'],
    [{ selinuxLabel: 'a' }, '', 'process.selinuxLabel: SELinux is disabled or not supported'],
    [{}, 'a', 'linux.mountLabel: SELinux is disabled or not supported'],
  ])('%j %j are refused by their names where it cannot', (labels, mountLabel, message) => {
    expect(() => withLabels({ ...PROCESS, ...labels }, mountLabel, NONE)).toThrow(message);
  });
});
