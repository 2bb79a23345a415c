import { expect, it } from 'vitest';
import { requirePermission } from '../../../src/access/permissions.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { parseSpec } from '../../../src/spec/spec.js';

const args = { process: { args: ['true'] } };
const withSetting = (name: string, fields = {}) => parseSpec({ ...args, sysctls: { [name]: '1' }, ...fields }, 'a');

it.each([
  'net.core.somaxconn',
  'net.ipv4.conf.all.rp_filter',
  'kernel.shmmax',
  'kernel.sem',
  'fs.mqueue.msg_max',
  'kernel.domainname',
])('%s belongs to a namespace', (name) => {
  expect(withSetting(name).sysctls).toEqual({ [name]: '1' });
});

it.each([
  'kernel.core_pattern',
  'kernel.hostname',
  'kernel.shm_next_id',
  'kernel.msg',
  'vm.swappiness',
  'fs.file-max',
  'fs.mqueue.x',
  'user.max_user_namespaces',
  'net',
  'net/../kernel/core_pattern',
  'net..kernel',
  'net.',
  '../x',
  'net.ipv4.conf.eth0.forwarding',
  'NET.core.somaxconn',
])('%s is refused', (name) => {
  expect(() => withSetting(name)).toThrow(expect.objectContaining({ code: 'SPEC_INVALID' }));
});

it.each([
  ['net.core.somaxconn', { namespaces: { network: 'host' } }],
  ['net.core.somaxconn', { namespaces: { network: 'container:b' } }],
  ['kernel.sem', { namespaces: { ipc: 'host' } }],
  ['kernel.domainname', { namespaces: { uts: '/proc/1/ns/uts' } }],
])('%s is refused with %j', (name, fields) => {
  expect(() => withSetting(name, fields)).toThrow(/the namespace of others/);
});

it('bounds a value, and the number of settings', () => {
  for (const value of ['', 'a\nb', 'x'.repeat(1025)])
    expect(() => parseSpec({ ...args, sysctls: { 'kernel.sem': value } }, 'a')).toThrow(/SPEC|invalid/);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`net.a${i}`, '1']));
  expect(() => parseSpec({ ...args, sysctls: many }, 'a')).toThrow(/at most 100/);
});

it('lets other callers than root change what acts on their own sockets alone', () => {
  const allowed = { roots: [], sources: [], hooks: [], privileged: false, idRanges: [], ceilings: UNBOUNDED };
  const ask = (name: string, privileged = false) =>
    requirePermission(withSetting(name), { uid: 1000, gid: 1000 } as never, { ...allowed, privileged } as never);
  expect(() => ask('net.core.somaxconn')).not.toThrow();
  expect(() => ask('net.ipv4.ip_forward')).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  expect(() => ask('net.ipv4.ip_forward', true)).not.toThrow();
});

it('counts the size of /dev/shm against the ceiling of a tmpfs', () => {
  const allowed = {
    roots: [],
    sources: [],
    hooks: [],
    privileged: true,
    ceilings: { ...UNBOUNDED, tmpfsBytes: 2 ** 20 },
  };
  const ask = (shmSize: string) =>
    requirePermission(parseSpec({ ...args, shmSize }, 'a'), { uid: 1000, gid: 1000 } as never, allowed as never);
  expect(() => ask('1M')).not.toThrow();
  expect(() => ask('2M')).toThrow(/shmSize/);
});
