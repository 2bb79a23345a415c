import { existsSync, readFileSync } from 'node:fs';

/** Which security modules with labels are in force on this host. */
export interface LabelModules {
  apparmor: boolean;
  selinux: boolean;
}

let known: LabelModules | undefined;

/** Gives which security modules with labels are in force. It is looked at once: that is decided when the host boots. */
export function labelModules(): LabelModules {
  known ??= { apparmor: hasAppArmor(), selinux: existsSync('/sys/fs/selinux/enforce') };
  return known;
}

function hasAppArmor(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
  } catch {
    return false; // the kernel has none
  }
}
