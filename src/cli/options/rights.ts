import type { Argv } from 'yargs';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { SpecInput } from '../../protocol/spec.js';
import type { Common } from '../command.js';
import { wrong } from '../values.js';
import { type OptionsOf, text, texts } from './declare.js';
import { readWhole } from './environment.js';

/** The parts of the spec that say what the process may do. */

/** The flags of rights, in the form of yargs. */
export type RightsOptions = OptionsOf<typeof withRights>;

/** Declares the flags of rights. */
export function withRights<O extends Common>(yargs: Argv<O>) {
  const security = 'seccomp=FILE or seccomp=unconfined: the system call filter; no-new-privileges always holds';
  return yargs
    .option('device', texts('a device of the host, such as /dev/fuse'))
    .option('cap-add', texts('a capability to add, such as NET_RAW; ALL for all'))
    .option('cap-drop', texts('a capability to take away; ALL for all'))
    .option('security-opt', texts(security))
    .option('userns', text('auto (ids of its own) or host'))
    .option('pid', text('private or host: the PID namespace'))
    .option('ipc', text('private or host: the IPC namespace'))
    .option('uts', text('private or host: the UTS namespace'))
    .option('cgroupns', text('private or host: the cgroup namespace'))
    .option('ulimit', texts('NAME=SOFT[:HARD]: a limit of setrlimit(2), such as nofile=1024:2048'))
    .option('sysctl', texts('NAME=VALUE: a setting of its network, IPC or UTS namespace'))
    .option('oom-score-adj', text('the preference of the OOM killer, from -1000 to 1000'));
}

const NO_NEW_PRIVILEGES = /^no-new-privileges([:=]true)?$/;

/**
 * Gives the system call filter of `--security-opt seccomp=FILE|unconfined|default`; undefined if the flag is not given.
 * `no-new-privileges` is accepted, since it always holds.
 * @throws NiwaError SPEC_INVALID
 */
export function toSeccomp(values: string[] = []): SpecInput['seccomp'] {
  const choices = values.flatMap((value) => {
    if (NO_NEW_PRIVILEGES.test(value)) return [];
    const [, choice] = /^seccomp[=:](.+)$/.exec(value) ?? [];
    return choice ?? wrong('--security-opt', value, 'seccomp=FILE, seccomp=unconfined or no-new-privileges');
  });
  const choice = choices.at(-1);
  if (choice === undefined || choice === 'unconfined' || choice === 'default') return choice;
  return profileOf(choice);
}

function profileOf(file: string): SpecInput['seccomp'] {
  const text = readWhole('--security-opt', file);
  try {
    return JSON.parse(text) as SpecInput['seccomp'];
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `the seccomp profile ${file} is no JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Reads DEVICE, or Docker's DEVICE:DEVICE[:rwm] where it says the same. @throws NiwaError SPEC_INVALID */
export function toDevice(value: string): string {
  const [device = '', inside = device, rights = 'rwm'] = value.split(':');
  if (inside !== device || rights !== 'rwm')
    wrong('--device', value, 'the path of a device such as /dev/fuse: it has the same path and all rights inside');
  return device;
}

/** Gives the namespaces that flags share with the host. @throws NiwaError SPEC_INVALID */
export function sharedNamespaces(options: RightsOptions): object {
  return {
    pid: shared('--pid', options.pid),
    ipc: shared('--ipc', options.ipc),
    uts: shared('--uts', options.uts),
    cgroup: shared('--cgroupns', options.cgroupns),
  };
}

function shared(flag: string, value: string | undefined): string | undefined {
  if (value === undefined || value === 'host' || value.startsWith('/')) return value;
  if (value === 'private' || value === 'new') return 'new';
  return wrong(flag, value, 'private, host, or the path of a namespace');
}
