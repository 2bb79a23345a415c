import { describe, expect, it } from 'vitest';
import { parsePort } from '../../../src/spec/network.js';
import { problemsIn, specOf } from '../support.js';

describe('the network', () => {
  it('is none unless there is a field', () => {
    expect(specOf().network).toBeNull();
    expect(specOf({ network: { mode: 'none' } }).network).toBeNull();
  });

  it('is bridged where there is one, with every default', () => {
    expect(specOf({ network: {} }).network).toEqual({
      address: null,
      ports: [],
      group: null,
      rate: { in: null, out: null },
      linkLocal: 'deny',
      dns: { servers: null, search: null, options: null },
      hosts: {},
    });
    expect(specOf({ network: { rate: { in: '1M', out: 5000 } } }).network?.rate).toEqual({ in: 2 ** 20, out: 5000 });
  });

  it.each([
    ['8080:80', { protocol: 'tcp', hostAddress: null, host: 8080, container: 80 }],
    ['127.0.0.1:8080:80/tcp', { protocol: 'tcp', hostAddress: '127.0.0.1', host: 8080, container: 80 }],
    ['80', { protocol: 'tcp', hostAddress: null, host: 0, container: 80 }],
    ['53/udp', { protocol: 'udp', hostAddress: null, host: 0, container: 53 }],
    ['127.0.0.1::80', { protocol: 'tcp', hostAddress: '127.0.0.1', host: 0, container: 80 }],
    ['[2001:db8::1]:53:5353/udp', { protocol: 'udp', hostAddress: '2001:db8::1', host: 53, container: 5353 }],
  ])('publishes %s', (text, port) => {
    expect(parsePort(text)).toEqual(port);
    expect(specOf({ network: { ports: [text] } }).network?.ports).toEqual([port]);
  });

  it.each([
    [{ ports: [':80'] }, 'network.ports[0]'],
    [{ ports: ['80:'] }, 'network.ports[0]'],
    [{ ports: ['0'] }, 'network.ports[0]'],
    [{ ports: ['::80'] }, 'network.ports[0]'],
    [{ ports: ['0:80'] }, 'network.ports[0]'],
    [{ ports: ['80:65536'] }, 'network.ports[0]'],
    [{ ports: ['300.0.0.1:80:80'] }, 'network.ports[0]'],
    [{ ports: ['[::1]:80:80'] }, 'network.ports[0]'],
    [{ ports: ['80:80/sctp'] }, 'network.ports[0]'],
    [{ ports: ['80:80', { host: 80, container: 81 }] }, 'network.ports[1]'],
    [{ address: 'fd00::2' }, 'network.address'],
    [{ rate: { in: 1 } }, 'network.rate.in'],
    [{ group: 'a b' }, 'network.group'],
    [{ dns: { servers: ['ns'] } }, 'network.dns.servers[0]'],
    [{ dns: { options: ['a\nb'] } }, 'network.dns.options[0]'],
    [{ hosts: { db: 'x' } }, 'network.hosts.db'],
    [{ mode: 'none' as const, group: 'a' }, 'network'],
  ])('refuses %j at %s', (network, path) => {
    expect(problemsIn(() => specOf({ network })).map((problem) => problem.path)).toEqual([path]);
  });

  it.each(['host', '/proc/1/ns/net', 'container:web'])('is that of others, or a bridge, not both: %s', (namespace) => {
    expect(specOf({ namespaces: { network: namespace } }).network).toBeNull();
    expect(problemsIn(() => specOf({ namespaces: { network: namespace }, network: {} }))).toMatchObject([
      { path: 'network' },
    ]);
  });
});
