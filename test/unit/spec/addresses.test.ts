import { describe, expect, it } from 'vitest';
import {
  addressBytes,
  ipv4Number,
  ipv4Text,
  ipv6Number,
  ipv6Text,
  parseSubnet,
  parseSubnet6,
  sizeOf,
} from '../../../src/spec/addresses.js';

describe('addresses', () => {
  it.each(['0.0.0.0', '10.209.0.1', '255.255.255.255'])('%s is a number and back', (address) => {
    expect(ipv4Text(ipv4Number(address))).toBe(address);
  });

  it.each([
    ['::', '::'],
    ['FD6E:6977:6100::2', 'fd6e:6977:6100::2'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ])('%s is a number and back as %s', (address, shortest) => {
    expect(ipv6Text(ipv6Number(address))).toBe(shortest);
  });

  it('are bytes in the order of the wire', () => {
    expect([...addressBytes('10.209.0.7')]).toEqual([10, 209, 0, 7]);
    expect([...addressBytes('fd00::1:2')]).toEqual([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
  });
});

describe('subnets', () => {
  it('have a first address and a size', () => {
    const subnet = parseSubnet('10.209.0.0/16');
    expect(subnet).toEqual({ base: ipv4Number('10.209.0.0'), prefix: 16 });
    expect(sizeOf({ base: 0, prefix: 30 })).toBe(4);
    expect(parseSubnet6('fd00:88::/64')).toBe(ipv6Number('fd00:88::'));
  });

  it.each(['10.209.0.1/16', '10.209.0.0', '10.209.0.0/33', '10.209.0.0/', 'fd00::/64', 'x'])('are not %s', (text) => {
    expect(parseSubnet(text)).toBeUndefined();
  });

  it.each(['FD00:88::', 'fd00:0088:0:0::', 'fd00:88:0:0:0:0:0.0.0.0', '0:0:fd:0::'])(
    'of IPv6 may begin with %s',
    (text) => {
      expect(parseSubnet6(`${text}/64`)).toBe(ipv6Number(text));
    },
  );

  const refused = [
    'fe80::%eth0/64',
    '1::2::/64',
    'fd00:12345::/64',
    'fd00:88:/64',
    '1:2:3:4:5:6:7:8:9/64',
    ' fd00::/64',
  ];
  it.each([...refused, 'fd00::/48', 'fd00::1/64', '10.0.0.0/64', '/64', 'x'])('of IPv6 are not %s', (text) => {
    expect(parseSubnet6(text)).toBeUndefined();
  });
});
