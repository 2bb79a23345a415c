import { expect, it } from 'vitest';
import { type Annotation, checkCalls, idleAnnotations, specOf, withKeptGroups } from '../../../src/oci/spec.js';
import type { OciConfig } from '../../../src/plan/oci/config.js';

const CONFIG: OciConfig = {
  ociVersion: '1.2.0',
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' },
  root: { path: 'rootfs' },
};
const ALL: Annotation[] = ['lifetime', 'jitter', 'stop-signal', 'owner', 'label'];

const specWith = (annotations: Record<string, string>, honoured: readonly Annotation[]) =>
  specOf('x', CONFIG, { id: 'x', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations }, honoured);

it('honours the annotations that the operator lists, and no other', () => {
  const annotations = {
    'dev.niwa.lifetime': '90s',
    'dev.niwa.owner': 'ann',
    'dev.niwa.label.tier': 'free',
    'org.example.label.tier': 'x',
  };
  expect(specWith(annotations, ALL)).toMatchObject({
    lifetimeUsec: 90_000_000,
    owner: 'ann',
    labels: { tier: 'free' },
  });
  expect(specWith(annotations, ['jitter'])).toMatchObject({ lifetimeUsec: null, owner: null, labels: {} });
});

it('refuses a wrong value', () => {
  expect(() => specWith({ 'dev.niwa.lifetime': 'soon' }, ALL)).toThrow('annotations["dev.niwa.lifetime"]: found');
  expect(() => specWith({ 'dev.niwa.stop-signal': 'x' }, ALL)).toThrow('annotations["dev.niwa.stop-signal"]: found');
  expect(specWith({ 'dev.niwa.lifetime': 'soon' }, [])).toMatchObject({ lifetimeUsec: null });
});

it('keeps 64 bits of a profile exactly', () => {
  const args = [{ index: 0, value: 2n ** 64n - 1n, op: 'SCMP_CMP_EQ' }];
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_TRAP', args }] };
  const origin = { id: 'x', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations: {} };
  const spec = specOf('x', { ...CONFIG, linux: { seccomp } }, origin, []);
  expect(spec.seccomp).toMatchObject({ syscalls: [{ args: [{ value: '0xffffffffffffffff' }] }] });
});

it('adds the groups of the engine where an annotation asks for that and the operator allows it', () => {
  const user = { uid: 0, gid: 0, additionalGids: [7, 5] };
  const gids = (value: string, groups: string, honoured: readonly Annotation[]) => {
    const annotations = { 'run.oci.keep_original_groups': value };
    const config = { ...CONFIG, annotations, process: { ...CONFIG.process, user } };
    return withKeptGroups(config, groups, honoured).process.user.additionalGids;
  };
  expect(gids('1', '5,6', ['keep_original_groups'])).toEqual([7, 5, 6]);
  expect(gids('1', '', ['keep_original_groups'])).toEqual([7, 5]);
  expect(gids('0', '6', ['keep_original_groups'])).toEqual([7, 5]);
  expect(gids('1', '6', ['lifetime', 'owner'])).toEqual([7, 5]);
});

it('refuses a system call that nobody knows where an annotation asks for that and the operator allows it', () => {
  const syscalls = [{ names: ['read', 'fly'], action: 'SCMP_ACT_ALLOW' }];
  const check = (value: string, honoured: readonly Annotation[]) => () =>
    checkCalls(
      {
        ...CONFIG,
        annotations: { 'run.oci.seccomp_fail_unknown_syscall': value },
        linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } },
      },
      (name) => name !== 'fly',
      honoured,
    );
  expect(check('1', ['seccomp_fail_unknown_syscall'])).toThrow(
    'linux.seccomp.syscalls[0].names "fly": there is no such',
  );
  expect(check('0', ['seccomp_fail_unknown_syscall'])).not.toThrow();
  expect(check('1', ['label'])).not.toThrow();
});

it('is the same for each container but for what its config and its annotations say', () => {
  const [first, second] = ['a', 'b'].map((id) =>
    specOf(id, CONFIG, { id: 'x', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations: {} }, []),
  );
  expect(second).toEqual({ ...first, id: 'b' });
  expect(Object.keys(second ?? {})).toEqual(Object.keys(first ?? {}));
  expect(specWith({ 'dev.niwa.lifetime': '5s' }, ALL).lifetimeUsec).toBe(5_000_000);
  expect(specWith({ 'dev.niwa.lifetime': '6s' }, ALL).lifetimeUsec).toBe(6_000_000);
});

it('tells the annotations of niwa that have no effect', () => {
  const annotations = Object.fromEntries(
    ['dev.niwa.lifetime', 'dev.niwa.owner', 'dev.niwa.bogus', 'dev.niwa.label.x', 'run.oci.keep_original_groups']
      .concat('run.oci.handler', 'org.example.owner')
      .map((name) => [name, '1']),
  );
  const unlisted = ', which oci.annotations of niwad.yaml does not list';
  expect(idleAnnotations(annotations, ['lifetime'])).toEqual([
    `annotations["dev.niwa.owner"]${unlisted}`,
    'annotations["dev.niwa.bogus"]',
    `annotations["dev.niwa.label.x"]${unlisted}`,
    `annotations["run.oci.keep_original_groups"]${unlisted}`,
  ]);
  expect(idleAnnotations(annotations, [...ALL, 'keep_original_groups'])).toEqual(['annotations["dev.niwa.bogus"]']);
});

it('shows which namespaces are new, joined, or those of the command', () => {
  const origin = { id: 'x', root: '/r', bundle: '/b', rootfs: '/b/rootfs', annotations: {} };
  const namespaces = [{ type: 'mount' }, { type: 'pid', path: '' }, { type: 'network', path: '/run/netns/a' }];
  expect(specOf('x', { ...CONFIG, linux: { namespaces } }, origin, []).namespaces).toEqual({
    mount: 'new',
    pid: 'new',
    network: '/run/netns/a',
    ipc: 'host',
    uts: 'host',
    cgroup: 'host',
  });
});
