import { describe, expect, it } from 'vitest';
import { capabilityMask, capabilityName, resolveCapabilities } from '../../../src/spec/capabilities.js';

describe('capabilities', () => {
  it.each([
    ['NET_ADMIN', 'NET_ADMIN'],
    ['net_admin', 'NET_ADMIN'],
    ['CAP_NET_ADMIN', 'NET_ADMIN'],
    ['cap_net_admin', 'NET_ADMIN'],
    ['all', 'ALL'],
  ])('reads %s as %s', (input, name) => {
    expect(capabilityName(input)).toBe(name);
  });

  it.each(['', 'CAP_', 'NET', 'CAP_CAP_CHOWN', 'EVERYTHING'])('knows no capability %j', (input) => {
    expect(capabilityName(input)).toBeUndefined();
  });

  it.each([
    ['CHOWN', 0x1n],
    ['KILL', 0x20n],
    ['SYS_ADMIN', 0x200000n],
    ['CHECKPOINT_RESTORE', 0x10000000000n],
  ])('gives %s the bit of linux/capability.h', (name, mask) => {
    expect(capabilityMask([name])).toBe(mask);
  });

  it('gives the whole mask of a root process for ALL', () => {
    expect(capabilityMask(resolveCapabilities({ add: ['ALL'] }))).toBe(0x1ffffffffffn);
  });

  it('gives neither raw sockets, nor devices, nor administration by default', () => {
    expect(resolveCapabilities()).toEqual([
      'CHOWN',
      'DAC_OVERRIDE',
      'FOWNER',
      'FSETID',
      'KILL',
      'SETGID',
      'SETUID',
      'NET_BIND_SERVICE',
      'SYS_CHROOT',
    ]);
  });

  it.each([
    [[], ['ALL'], []],
    [['CHOWN'], ['ALL'], ['CHOWN']],
    [['KILL'], ['KILL', 'ALL'], ['KILL']],
    [['CHOWN', 'CHOWN'], ['ALL'], ['CHOWN']],
  ])('adds %j after it has dropped %j', (add, drop, left) => {
    expect(resolveCapabilities({ add, drop })).toEqual(left);
  });

  it('drops single names from the default', () => {
    expect(resolveCapabilities({ drop: ['KILL', 'SYS_PTRACE'] })).not.toContain('KILL');
  });
});
