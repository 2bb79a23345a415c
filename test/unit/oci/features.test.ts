import { expect, it } from 'vitest';
import { features } from '../../../src/oci/features.js';
import { ociMountOp } from '../../../src/plan/oci/mounts.js';

interface Told {
  mountOptions: string[];
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
