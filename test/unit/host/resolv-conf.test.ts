import { expect, it } from 'vitest';
import { nameServers } from '../../../src/host/resolv-conf.js';

it.each([
  ['127.0.0.53', []],
  ['127.0.0.1', []],
  ['::1', []],
  ['0:0:0:0:0:0:0:1', []],
  ['::ffff:127.0.0.53', []],
  ['0.0.0.0', []],
  ['::', []],
  ['::2', ['::2']],
  ['fe80::1%eth0', []],
  ['nonsense', []],
  ['192.0.2.1', ['192.0.2.1']],
  ['2001:db8::1', ['2001:db8::1']],
])('of a host that asks %s a container asks %j', (server, asked) => {
  expect(nameServers(`# x\nnameserver ${server}\nsearch a.example\n`, true)).toEqual(asked);
});

it('asks no name server by IPv6 where the container has none', () => {
  expect(nameServers('nameserver 2001:db8::1\nnameserver 192.0.2.1\n', false)).toEqual(['192.0.2.1']);
});
