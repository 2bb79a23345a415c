import { type Op, op } from '../op.js';
import type { OciMount, OciProcess } from './config.js';
import { isBind, isRemount } from './mounts.js';

/** The labels of the security modules AppArmor and SELinux. */

/**
 * Gives the operations by which the program of a process gets its labels, when it is executed. They have to come while
 * `/proc` is that of the host, and behind all programs of the host that the process executes: those would get the
 * labels, too.
 */
export function labelOps({ apparmorProfile = '', selinuxLabel = '' }: OciProcess): Op[] {
  const write = (text: string, file: string, value: string) =>
    op('write', text, [], [`/proc/self/attr/${file}`, value]);
  return [
    ...(apparmorProfile === ''
      ? []
      : [
          write(
            `set the AppArmor profile ${apparmorProfile}, which has to be loaded`,
            'apparmor/exec',
            `exec ${apparmorProfile}`,
          ),
        ]),
    ...(selinuxLabel === '' ? [] : [write(`set the SELinux label ${selinuxLabel}`, 'exec', selinuxLabel)]),
  ];
}

/** The file systems whose files have labels by their own rules. */
const LABELLED_BY_RULE = ['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2'];

/** Adds the label of SELinux that all files of a new file system have. A bind has the labels of the host. */
export function labelled(item: OciMount, mountLabel = ''): OciMount {
  const { type = '', options = [] } = item;
  const hasOwn = mountLabel === '' || isBind(item) || isRemount(item) || LABELLED_BY_RULE.includes(type);
  return hasOwn ? item : { ...item, options: [...options, `context=${mountLabel}`] };
}
