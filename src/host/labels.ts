import { existsSync, readFileSync } from 'node:fs';

/** Which security modules with labels are in force on this host. */
export interface LabelModules {
  apparmor: boolean;
  selinux: boolean;
}

/** Looks which security modules with labels are in force. */
export function labelModules(): LabelModules {
  return { apparmor: hasAppArmor(), selinux: existsSync('/sys/fs/selinux/enforce') };
}

function hasAppArmor(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
  } catch {
    return false; // the kernel has none
  }
}
