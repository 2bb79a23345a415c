import { DEFAULT_PROFILE } from '../../src/plan/seccomp.js';
import { type BundleConfig, Oci } from '../integration/support/oci.js';
import { test as base, compiled, type Results, results } from './attack.js';

/** The bench of attacks on the containers of engines, see attack.ts. */

/** A test with `oci`, the command of engines, beside what an attack has. */
export const test = base.extend('oci', ({ niwad }) => new Oci(niwad));

/** A change of the config that `niwa-oci spec` writes. */
export type Change = (config: BundleConfig) => void;

export const both =
  (...changes: Change[]): Change =>
  (config) => {
    for (const change of changes) change(config);
  };
export const withFilter: Change = ({ linux }) => {
  linux.seccomp = DEFAULT_PROFILE;
};
/** Gives these capabilities in all sets that the config has. */
export const withCapabilities =
  (...names: string[]): Change =>
  ({ process }) => {
    for (const set of Object.values(process.capabilities as Record<string, string[]>)) set.push(...names);
  };
export const without =
  (type: string): Change =>
  ({ linux }) => {
    linux.namespaces = (linux.namespaces as { type: string }[]).filter((one) => one.type !== type);
  };
export const withoutMounts =
  (isWithout: (destination: string) => boolean): Change =>
  (config) => {
    config.mounts = config.mounts.filter(({ destination }) => !isWithout(destination));
  };
/** @param first the id of the host that is 0 in the container */
export const inUserNamespace =
  (first: number): Change =>
  ({ linux }) => {
    const map = [{ containerID: 0, hostID: first, size: 65_536 }];
    (linux.namespaces as object[]).push({ type: 'user' });
    Object.assign(linux, { uidMappings: map, gidMappings: map });
  };
export const asUser: Change = ({ process }) => {
  process.user = { uid: 1000, gid: 1000 };
};
export const bind =
  (source: string, destination: string): Change =>
  ({ mounts }) =>
    void mounts.push({ destination, type: 'bind', source, options: ['bind'] });
export const asIs: Change = () => {};

/** Makes the bundle of a container that runs an attack program. */
export function bundleOf(oci: Oci, name: string, args: readonly string[], change: Change): Promise<string> {
  return oci.bundle('', (config) => {
    config.process.args = ['/attack', ...args];
    config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['mode=1777'] });
    bind(compiled(name), '/attack')(config);
    change(config);
  });
}

/** Runs an attack program in a container. */
export async function attack(oci: Oci, name: string, args: readonly string[], change: Change): Promise<Results> {
  const bundle = await bundleOf(oci, name, args, change);
  const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
  if (stdout === '' && stderr !== '') throw new Error(stderr);
  return results(stdout);
}
