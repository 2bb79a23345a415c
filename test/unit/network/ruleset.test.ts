import { endianness } from 'node:os';
import { describe, expect, it } from 'vitest';
import { elementsOf, elementText, encodeElement } from '../../../src/network/elements.js';
import { leaseOf, segmentOf } from '../../../src/network/lease.js';
import { removal, ruleset } from '../../../src/network/ruleset.js';
import { attachSteps, detachSteps } from '../../../src/network/steps.js';
import { normaliseNetwork } from '../../../src/spec/network.js';

const settings = {
  bridge: 'br0',
  subnet: '10.0.0.0/16',
  subnet6: 'fd00::/64',
  mtu: 1400,
  connectionsPerContainer: 500,
};
const segment = segmentOf(settings, 'node', true);
const lease = leaseOf(segment, '10.0.1.2');
const network =
  normaliseNetwork({
    ports: ['127.0.0.1:8080:80', '53:5353/udp'],
    group: 'web',
    rate: { in: '1M', out: 4096 },
  }) ?? expect.fail();

describe('a lease', () => {
  it('follows from the address, with a name that an interface can have', () => {
    expect(lease).toMatchObject({ bridge: 'br0', device: 'br0v102', address: '10.0.1.2', address6: 'fd00::102' });
    const longest = segmentOf({ ...settings, bridge: 'a23456789', subnet: '10.0.0.0/12' }, 'node', true);
    expect(leaseOf(longest, '10.15.255.254').device).toHaveLength(15);
  });
});

describe('the rules', () => {
  it('have the elements of containers, and replace what is there', () => {
    const text = ruleset(segment, elementsOf(lease, network, 7));
    expect(text.startsWith(removal('br0'))).toBe(true);
    for (const element of [
      `"br0v102" . ${lease.mac} . 10.0.1.2`,
      '127.0.0.1 . tcp . 8080 : 10.0.1.2 . 80',
      'udp . 53 : 10.0.1.2 . 5353',
      'udp . 53 : fd00::102 . 5353',
      '10.0.1.2 : 7',
      'fd00::102 . 7',
      '10.0.1.2',
      'fd00::102',
    ])
      expect(text).toContain(`elements = { ${element} }`);
  });

  it('count connections where they are bounded', () => {
    const bound = 'ip saddr ct count over 500';
    expect(ruleset(segment, [])).toContain(bound);
    expect(ruleset({ ...segment, connectionsPerContainer: 0 }, [])).not.toContain('ct count');
  });

  it('know who may reach link-local addresses, and name servers of one family', () => {
    const asked = {
      ...network,
      linkLocal: 'allow' as const,
      dns: { ...network.dns, servers: ['169.254.1.1', 'fe80::1'] },
    };
    const of = (sets: string) =>
      elementsOf(lease, asked, null)
        .filter(({ set }) => set.startsWith(sets))
        .map(elementText);
    expect(of('lifted')).toEqual(['10.0.1.2', 'fd00::102']);
    expect(of('resolvers')).toEqual(['10.0.1.2 . 169.254.1.1', 'fd00::102 . fe80::1']);
    expect(elementsOf(lease, network, null).some(({ set }) => /^(lifted|resolvers)/.test(set))).toBe(false);
  });

  it.runIf(endianness() === 'LE')('take elements whose parts fill 4 bytes each', () => {
    const elements = elementsOf(lease, network, 7).map((element) => encodeElement('br0', element));
    const of = (set: string) => elements.find((element) => element.set === set);
    expect(of('ports4')).toMatchObject({
      family: 1,
      table: 'br0',
      key: Buffer.from([127, 0, 0, 1, 6, 0, 0, 0, 0x1f, 0x90, 0, 0]),
      data: Buffer.from([10, 0, 1, 2, 0, 80, 0, 0]),
    });
    expect(of('members4')?.key).toEqual(Buffer.from([10, 0, 1, 2, 7, 0, 0, 0]));
    expect(of('sources4')?.key).toHaveLength(16 + 8 + 4);
    expect(of('members4')).not.toHaveProperty('data');
  });
});

describe('the steps', () => {
  it('say all that is done, and the way back takes all of it away', () => {
    expect(attachSteps(segment, lease, network, 7).map(({ text }) => text)).toMatchInlineSnapshot(`
      [
        "make the veth pair br0v102 on br0 and eth0 in the container (62:62:0a:00:01:02, mtu 1400)",
        "let br0v102 have back what its own published ports are sent",
        "10.0.1.2 is 62:62:0a:00:01:02 on br0",
        "fd00::102 is 62:62:0a:00:01:02 on br0",
        "no address of its own making on eth0 in the container",
        "set eth0 in the container up",
        "give eth0 in the container the address 10.0.1.2/32",
        "route to 10.0.0.1 over eth0 in the container",
        "10.0.0.1 is 62:62:0a:00:00:01 on eth0 in the container",
        "default route by 10.0.0.1 over eth0 in the container",
        "give eth0 in the container the address fd00::102/128",
        "route to fd00::1 over eth0 in the container",
        "fd00::1 is 62:62:0a:00:00:01 on eth0 in the container",
        "default route by fd00::1 over eth0 in the container",
        "bound what br0v102 sends to 1048576 bytes a second",
        "bound what eth0 in the container sends to 4096 bytes a second",
        "wait until br0v102 carries packets",
        "wait until eth0 in the container carries packets",
        "wait until br0 carries packets",
        "count what passes eth0",
        "let it send from its own addresses; publish 127.0.0.1:8080 to 80/tcp, 53 to 5353/udp; join the group web; drop what it sends to link-local addresses; bound its connections to 500",
        "forget where UDP to port 53 was led before",
      ]
    `);
    expect(detachSteps(lease, network, 7).map(({ text, optional }) => [text, optional])).toMatchInlineSnapshot(`
      [
        [
          "take its rules away",
          true,
        ],
        [
          "delete the interface br0v102",
          true,
        ],
        [
          "forget 10.0.1.2 on br0",
          true,
        ],
        [
          "forget fd00::102 on br0",
          true,
        ],
      ]
    `);
  });

  it('leave IPv6 out where there is none', () => {
    const only4 = segmentOf({ ...settings, subnet6: null }, 'node', false);
    const steps = attachSteps(only4, leaseOf(only4, '10.0.1.2'), normaliseNetwork({}) ?? expect.fail(), null);
    expect(JSON.stringify(steps.map(({ text }) => text))).not.toMatch(/fd00|::|making/);
  });
});
