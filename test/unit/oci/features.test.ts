import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkSeccomp } from '../../../src/oci/check-seccomp.js';
import { features } from '../../../src/oci/features.js';
import { CONFIG_VERSION } from '../../../src/plan/oci/config.js';
import { ociMountOp } from '../../../src/plan/oci/mounts.js';

interface Told {
  ociVersionMax: string;
  mountOptions: string[];
  potentiallyUnsafeConfigAnnotations: string[];
  linux: Record<string, { enabled?: boolean }>;
}
const told = features('1.0.0') as Told;

it.each(told.mountOptions)('tells the mount option %s, which a bind or a tmpfs takes', (option) => {
  const take = (type: string) => ociMountOp({ destination: '/a', type, options: [option] }, 'mounts[0]', '/s');
  expect(() => (option === 'tmpcopyup' ? take('tmpfs') : take('bind'))).not.toThrow();
});

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
