import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkConfig } from '../../../src/oci/check.js';
import { checkSeccomp } from '../../../src/oci/check-seccomp.js';
import { features } from '../../../src/oci/features.js';
import { CONFIG_VERSION } from '../../../src/plan/oci/config.js';
import { makeOciPlan } from '../../../src/plan/oci/plan.js';
import { hostView } from '../plan/oci/host-view.js';

interface Told {
  ociVersionMax: string;
  mountOptions: string[];
  potentiallyUnsafeConfigAnnotations: string[];
  linux: Record<string, { enabled?: boolean }>;
}
const told = features('1.0.0') as Told;

const CONFIG = {
  ociVersion: '1.3.0',
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' },
  root: { path: 'rootfs' },
  linux: { namespaces: [{ type: 'mount' }] },
};
/** Plans a config as a create does. @throws NiwaError SPEC_INVALID */
function plan(change: Record<string, unknown>, linux: Record<string, unknown> = {}, process: object = {}): void {
  const written = {
    ...CONFIG,
    ...change,
    linux: { ...CONFIG.linux, ...linux },
    process: { ...CONFIG.process, ...process },
  };
  const config = checkConfig(JSON.parse(JSON.stringify(written)), () => {});
  const { mounts = [] } = config;
  const choices = { id: 'x', bundle: '/b', newKeyring: true, pivots: true, keptFds: 0, listenFds: 0 };
  const sources = { root: '/b/rootfs', mounts: mounts.map(() => '/s') };
  makeOciPlan('x', config, hostView({ available: [], missing: {} }), sources, { cpu: {}, memory: {}, io: [] }, choices);
}
const takes = (option: string) =>
  ['bind', 'tmpfs'].some((type) => {
    try {
      const mount = { destination: '/a', type: 'tmpfs', source: '/s' };
      plan({ mounts: [mount, { ...mount, type, options: [option] }] });
      return true;
    } catch {
      return false;
    }
  });

it.each(told.mountOptions)('tells the mount option %s, which a bind or a tmpfs takes', (option) => {
  const isOfMaps = /^r?idmap$/.test(option); // they need maps
  expect(takes(isOfMaps ? `${option}=uids=0-1-2;gids=0-1-2` : option)).toBe(true);
});

it('tells all words of mounts that are not those of one file system', () => {
  const words = 'async sync dirsync lazytime mand acl noacl iversion ro rro rbind rslave unbindable remount tmpcopyup';
  expect(told.mountOptions).toEqual(expect.arrayContaining(words.split(' ')));
  for (const word of told.mountOptions)
    expect(() => plan({ mounts: [bindWith(`x${word}`)] }), word).toThrow(`"x${word}"`);
});
const bindWith = (option: string) => ({ destination: '/a', type: 'bind', source: '/s', options: [option] });

it('tells each type of a namespace that a config may list, and no other', () => {
  const { namespaces } = told.linux as unknown as { namespaces: string[] };
  expect(namespaces).toEqual(['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts']);
  const map = [{ containerID: 0, hostID: 1, size: 1 }];
  for (const type of namespaces) {
    const listed = type === 'mount' ? [] : [{ type }];
    const maps = type === 'user' ? { uidMappings: map, gidMappings: map } : {};
    expect(() => plan({}, { namespaces: [{ type: 'mount' }, ...listed], ...maps }), type).not.toThrow();
  }
  expect(() => plan({}, { namespaces: [{ type: 'mount' }, { type: 'space' }] })).toThrow('"space"');
});

it('tells the words of memory policies, filters and capabilities that a config may have, and no other', () => {
  const { memoryPolicy, seccomp, capabilities } = told.linux as unknown as {
    memoryPolicy: { modes: string[]; flags: string[] };
    seccomp: { actions: string[]; operators: string[]; knownFlags: string[]; archs: string[] };
    capabilities: string[];
  };
  const filter = (change: object) => ({ seccomp: { defaultAction: 'SCMP_ACT_ALLOW', ...change } });
  const rule = (change: object, beside: object = {}) =>
    filter({ syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', ...change }], ...beside });
  const each: [string, string[], (word: string) => void][] = [
    ['mode', memoryPolicy.modes, (mode) => plan({}, { memoryPolicy: { mode, ...nodesFor(mode) } })],
    [
      'flag',
      memoryPolicy.flags,
      (flag) => plan({}, { memoryPolicy: { mode: 'MPOL_INTERLEAVE', nodes: '0', flags: [flag] } }),
    ],
    ['action', seccomp.actions, (action) => plan({}, rule({ action }, agentFor(action)))],
    ['operator', seccomp.operators, (op) => plan({}, rule({ args: [{ index: 0, value: 1, op }] }))],
    [
      'flag of a filter',
      seccomp.knownFlags.filter((flag) => !flag.endsWith('WAIT_KILLABLE_RECV')),
      (flag) => plan({}, filter({ flags: [flag] })),
    ],
    ['architecture', seccomp.archs, (name) => plan({}, filter({ architectures: [name] }))],
    ['capability', capabilities, (name) => plan({}, {}, { capabilities: { bounding: [name] } })],
  ];
  for (const [what, words, take] of each) {
    expect(words.length, what).toBeGreaterThan(0);
    for (const word of words) expect(() => take(word), `${what} ${word}`).not.toThrow();
  }
  for (const [what, words, take] of each)
    if (what !== 'capability' && what !== 'architecture')
      expect(() => take(`${words[0]}_X`), what).toThrow(`${words[0]}_X`);
});
const agentFor = (action: string) => (action.startsWith('SCMP_ACT_NOTIFY') ? { listenerPath: '/agent' } : {});
const nodesFor = (mode: string) => (/DEFAULT|LOCAL/.test(mode) ? {} : { nodes: '0' });

it('tells of no support that was never seen at work', () => {
  const { apparmor, selinux, intelRdt } = told.linux;
  expect([apparmor, selinux, intelRdt]).toEqual([{ enabled: true }, { enabled: false }, { enabled: false }]);
});

it('tells the tables by which a config is checked', () => {
  const { capabilities, seccomp } = told.linux as Record<string, unknown>;
  expect(capabilities).toHaveLength(41);
  expect(capabilities).toContain('CAP_CHECKPOINT_RESTORE');
  expect(seccomp).toMatchObject({ knownFlags: expect.arrayContaining(['SECCOMP_FILTER_FLAG_LOG']) });
  const { archs } = seccomp as { archs: string[] };
  expect(archs).toContain(process.arch === 'x64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64');
  const filter = { defaultAction: 'SCMP_ACT_ALLOW', architectures: [...archs], syscalls: [] };
  checkSeccomp(filter);
  expect(filter.architectures).toEqual(archs);
  expect(told.potentiallyUnsafeConfigAnnotations).toEqual(
    expect.arrayContaining(['dev.niwa.lifetime', 'dev.niwa.label.', 'run.oci.keep_original_groups']),
  );
});

it('tells one version of the runtime-spec', () => {
  const header = readFileSync(new URL('../../../native/oci/version.h', import.meta.url), 'utf8');
  expect(header).toContain(`#define OCI_VERSION "${told.ociVersionMax}"`);
  const spec = readFileSync(new URL('../../../native/oci/default_spec.c', import.meta.url), 'utf8');
  expect(spec).toContain(`\\"ociVersion\\": \\"${told.ociVersionMax}\\"`);
  expect(CONFIG_VERSION).toBe(told.ociVersionMax);
});
