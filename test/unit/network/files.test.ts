import { expect, it } from 'vitest';
import { dnsOf, fileNames, networkFiles } from '../../../src/network/files.js';
import { leaseOf, segmentOf } from '../../../src/network/lease.js';
import { normaliseNetwork } from '../../../src/spec/network.js';
import { parseSpec } from '../../../src/spec/spec.js';

const settings = { bridge: 'br0', subnet: '10.0.0.0/16', subnet6: 'fd00::/64', mtu: 1500, connectionsPerContainer: 0 };
const segment = segmentOf(settings, 'node', true);
const networkOf = (input: object) => normaliseNetwork(input) ?? expect.fail();
const files = (input: object, resolvConf = '') => {
  const network = networkOf(input);
  const dns = dnsOf(network.dns, resolvConf, true);
  return networkFiles({ hostname: 'web', network: { ...network, dns }, lease: leaseOf(segment, '10.0.1.2') });
};

it('names the container and who else was said', () => {
  expect(files({ hosts: { db: '10.0.0.9' } })).toMatchObject({
    hosts:
      '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.1.2\tweb\nfd00::102\tweb\n10.0.0.9\tdb\n',
    hostname: 'web\n',
  });
});

it('asks the name servers of the host, but for its loopback', () => {
  const host =
    '# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver ::1\nsearch a.example b.example\noptions edns0\n';
  expect(files({}, host)['resolv.conf']).toBe('nameserver 192.0.2.1\nsearch a.example b.example\noptions edns0\n');
  expect(files({ dns: { servers: ['192.0.2.9'], search: [] } }, host)['resolv.conf']).toBe(
    'nameserver 192.0.2.9\noptions edns0\n',
  );
});

it('knows a container without a bridge on its loopback', () => {
  expect(networkFiles({ hostname: 'web', network: null, lease: null })).toMatchObject({
    hosts: '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\tweb\n',
    hostname: 'web\n',
  });
});

it.each([
  [{ network: {} }, ['hosts', 'hostname', 'resolv.conf']],
  [{ network: {}, root: { path: '/srv/root' } }, ['hosts', 'hostname', 'resolv.conf']],
  [{}, []],
  [{ root: { path: '/srv/root' } }, ['hosts', 'hostname']],
  [{ root: { file: '/srv/root.image' } }, ['hosts', 'hostname']],
  [{ root: { path: '/srv/root' }, namespaces: { network: 'host' } }, []],
  [{ root: { path: '/srv/root' }, namespaces: { network: 'container:other' } }, []],
  [{ namespaces: { mount: '/proc/1/ns/mnt' } }, []],
])('%j gets the files %j', (input, names) => {
  expect(fileNames(parseSpec({ ...input, process: { args: ['true'] } }, 'web'))).toEqual(names);
});

it('a container of an engine gets no files: it has what its config mounts', () => {
  const oci = { id: 'x', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations: {} };
  expect(fileNames({ ...parseSpec({ process: { args: ['true'] }, root: { path: '/srv' } }, 'web'), oci })).toEqual([]);
});
