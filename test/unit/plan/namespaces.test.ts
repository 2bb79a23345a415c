import { describe, expect, it } from 'vitest';
import { cloneNamespaces, holdsMounts, namespaceOps } from '../../../src/plan/namespaces.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { specOf } from '../support.js';

const hostOnly = { mount: 'host', pid: 'host', network: 'host', ipc: 'host', uts: 'host', cgroup: 'host' };
const texts = (namespaces: object) => namespaceOps(specOf({ namespaces })).map(({ text }) => text);

describe('namespaces', () => {
  it('are all new by default, the cgroup one made from inside', () => {
    expect(cloneNamespaces(specOf())).toEqual({
      flags: 0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000,
      names: ['mount', 'uts', 'ipc', 'pid', 'network'],
      pidNamespace: '',
      networkOf: '',
    });
    expect(texts({})).toEqual(['new cgroup namespace']);
  });

  it("are none where all are the host's", () => {
    expect(cloneNamespaces(specOf({ namespaces: hostOnly }))).toEqual({
      flags: 0,
      names: [],
      pidNamespace: '',
      networkOf: '',
    });
    expect(texts(hostOnly)).toEqual([]);
  });

  it.each([
    ['mount', 0x20000],
    ['uts', 0x4000000],
    ['ipc', 0x8000000],
    ['pid', 0x20000000],
    ['network', 0x40000000],
  ])('a new %s namespace has its flag of clone(2)', (name, flags) => {
    expect(cloneNamespaces(specOf({ namespaces: { ...hostOnly, [name]: 'new' } }))).toMatchObject({
      flags,
      names: [name],
    });
  });

  it('of others are joined by path, the mount namespace last', () => {
    const path = (name: string) => `/proc/42/ns/${name}`;
    const namespaces = {
      mount: path('mnt'),
      network: path('net'),
      ipc: path('ipc'),
      uts: path('uts'),
      cgroup: path('cgroup'),
    };
    expect(texts(namespaces)).toEqual([
      'join the network namespace /proc/42/ns/net',
      'join the ipc namespace /proc/42/ns/ipc',
      'join the uts namespace /proc/42/ns/uts',
      'join the cgroup namespace /proc/42/ns/cgroup',
      'join the mount namespace /proc/42/ns/mnt',
    ]);
    expect(cloneNamespaces(specOf({ namespaces })).names).toEqual(['pid']);
  });

  it('of processes are joined at birth', () => {
    const namespaces = { ...hostOnly, pid: '/proc/42/ns/pid' };
    expect(cloneNamespaces(specOf({ namespaces }))).toEqual({
      flags: 0,
      names: [],
      pidNamespace: '/proc/42/ns/pid',
      networkOf: '',
    });
    expect(texts(namespaces)).toEqual([]);
  });
});

describe('the mounts that niwad holds over the exit', () => {
  it.each<[string, Partial<SpecInput>, boolean]>([
    ['those of a plain root', {}, true],
    ['those of a directory', { root: { path: '/srv/root' } }, true],
    ['those of an overlay in memory', { root: { path: '/srv/root', overlay: true } }, true],
    ['not those of an overlay on a disk', { root: { path: '/srv/root', overlay: { directory: '/srv/kept' } } }, false],
    ['not those of an image file', { root: { file: '/srv/root.squashfs' } }, false],
    ['not those of what may mount', { userns: 'host', capabilities: { add: ['SYS_ADMIN'] } }, false],
    ["not the host's own", { namespaces: { mount: 'host' } }, false],
    ['not those of another container', { namespaces: { mount: '/proc/1/ns/mnt' } }, false],
  ])('are %s', (_, spec, held) => expect(holdsMounts(specOf(spec))).toBe(held));
});
