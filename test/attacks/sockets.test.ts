// @module-tag vm
// Techniques: sockets of families that reach past the network namespace (AF_VSOCK, AF_ALG), capture what others send
// (AF_PACKET, CVE-2020-14386), or make the kernel load an old module (AF_RDS CVE-2010-3904, AF_TIPC CVE-2021-43267).
import { expect } from 'vitest';
import { attack, attackOnHost, test } from './attack.js';

const FAMILIES = [
  ...['AF_PACKET', 'AF_VSOCK', 'AF_ALG', 'AF_RDS', 'AF_TIPC', 'AF_BLUETOOTH', 'raw IPv4'],
  ...['pair of AF_TIPC', 'pair of AF_INET', 'uevents', 'uevents, past the filter', 'SCSI transport'],
];

test('socket families: a container opens none that is dangerous', async ({ niwad }) => {
  expect(await attack(niwad, 'sockets')).toEqual(Object.fromEntries(FAMILIES.map((name) => [name, 'EPERM'])));
});

test('socket families: raw and packet sockets stay closed without the filter', async ({ niwad }) => {
  expect(await attack(niwad, 'sockets', [], { seccomp: 'unconfined' })).toMatchObject({
    AF_PACKET: 'EPERM',
    'raw IPv4': 'EPERM',
  });
});

test("socket families, control: the host's root opens what its kernel has", async () => {
  const results = await attackOnHost('sockets');
  expect(results).toMatchObject({ AF_PACKET: 'worked', 'raw IPv4': 'worked' });
  expect(results).toMatchObject({ uevents: 'worked', 'uevents, past the filter': 'worked' });
  expect(Object.values(results)).not.toContain('EPERM');
});
