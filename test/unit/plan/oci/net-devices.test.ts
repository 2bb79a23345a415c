import { describe, expect, it } from 'vitest';
import { netDeviceWords } from '../../../../src/plan/oci/net-devices.js';

const namespaces = [{ type: 'network' }];

describe('network devices', () => {
  it('are words of their names, old and new', () => {
    const netDevices = { eth0: {}, eth1: { name: 'net%d' } };
    expect(netDeviceWords({ namespaces, netDevices })).toEqual([
      ['net-device', 'eth0:'],
      ['net-device', 'eth1:net%d'],
    ]);
    expect(netDeviceWords({})).toEqual([]);
  });

  it.each([
    [{ 'a/b': {} }, 'linux.netDevices "a/b"'],
    [{ 'a:b': {} }, 'linux.netDevices "a:b"'],
    [{ 'eth%d': {} }, 'linux.netDevices "eth%d"'],
    [{ eth0: { name: 'a'.repeat(16) } }, 'linux.netDevices["eth0"].name'],
    [{ eth0: { name: '%d%d' } }, 'linux.netDevices["eth0"].name'],
    [{ eth0: { name: '..' } }, 'linux.netDevices["eth0"].name'],
  ])('%j are refused by their names', (netDevices, message) => {
    expect(() => netDeviceWords({ namespaces, netDevices })).toThrow(message);
  });

  it('need a network namespace', () => {
    expect(() => netDeviceWords({ netDevices: { eth0: {} } })).toThrow('linux.netDevices: linux.namespaces needs one');
  });
});
