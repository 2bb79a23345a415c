import type { LabelModules } from '../host/labels.js';
import type { OciProcess } from '../plan/oci/config.js';
import { refused } from '../plan/oci/refusal.js';

/**
 * Gives the process with the labels that this host can set. Without AppArmor every process is "unconfined". Pure.
 * @param mountLabel of the config
 * @throws NiwaError SPEC_INVALID for a label that the host cannot set
 */
export function withLabels(process: OciProcess, mountLabel: string, { apparmor, selinux }: LabelModules): OciProcess {
  const { apparmorProfile: profile = '', selinuxLabel = '', ...others } = process;
  if (!apparmor && profile !== '' && profile !== 'unconfined')
    throw refused('process.apparmorProfile', 'AppArmor is disabled or not supported on this host');
  for (const [field, label] of [
    ['process.selinuxLabel', selinuxLabel],
    ['linux.mountLabel', mountLabel],
  ] as const)
    if (!selinux && label !== '') throw refused(field, 'SELinux is disabled or not supported on this host');
  return {
    ...others,
    ...(apparmor && profile !== '' ? { apparmorProfile: profile } : {}),
    ...(selinuxLabel === '' ? {} : { selinuxLabel }),
  };
}
