import { NiwaError } from '../protocol/errors.js';
import type { Request } from './messages.js';
import { LIMIT_OPTIONS } from './update.js';

/** Options for CRIU. */
const CRIU_OPTIONS = ['tcp-established', 'ext-unix-sk', 'shell-job', 'file-locks', 'manage-cgroups-mode'];

/** The options that each verb takes, beside those that the command acts on by itself. */
const OPTIONS: Record<string, readonly string[]> = {
  create: [
    'bundle',
    'capabilities',
    'config',
    'foreground',
    'groups',
    'keep',
    'kept-fds',
    'listen-fds',
    'notify',
    'start',
  ],
  kill: ['all'],
  delete: ['force'],
  list: ['format', 'quiet'],
  exec: [
    ...['process', 'foreground', 'console-socket', 'tty', 'env', 'cwd', 'user', 'additional-gids', 'cap'],
    ...['no-new-privs', 'kept-fds', 'cgroup', 'ignore-paused', 'apparmor', 'process-label', 'capabilities'],
  ],
  ps: ['format'],
  update: ['resources', ...LIMIT_OPTIONS],
  events: ['stats'],
  checkpoint: ['leave-running'],
  restore: ['bundle', 'capabilities', 'config', 'notify'],
};
/** `made` is the id in niwad of the container that the command has made itself. */
const EVERYWHERE = ['root', 'argument', 'systemd-cgroup', 'made'];
/** Options that each verb takes with these values only. An unknown one may be false: it asks for nothing. */
const VALUES: Record<string, readonly string[]> = {
  'cgroup-manager': ['cgroupfs', 'disabled', 'systemd'],
  rootless: ['auto', 'false'],
};
/** Options that are refused for a reason of their own. */
const REASONS: Record<string, string> = {
  'l3-cache-schema': 'niwa-oci does not support Intel RDT',
  'mem-bw-schema': 'niwa-oci does not support Intel RDT',
};
/** Options of `run` and `restore`, with which they also send their delete. */
const OF_RUN = [
  ...['console-socket', 'no-pivot', 'no-new-keyring', 'lsm-profile', 'lsm-mount-context'],
  ...CRIU_OPTIONS,
];

/** A request whose options are known: each is honoured, or the request is refused by its name. */
export class Call {
  readonly #request: Request;

  /** @throws NiwaError SPEC_INVALID for an option that niwad does not honour */
  constructor(request: Request) {
    this.#request = request;
    const known = [...EVERYWHERE, ...OF_RUN, ...(OPTIONS[request.verb] ?? [])];
    for (const [name, values] of request.values) {
      const allowed = VALUES[name] ?? ['false'];
      const wrong = known.includes(name) ? undefined : values.find((value) => !allowed.includes(value));
      if (wrong !== undefined) throw new NiwaError('SPEC_INVALID', refusalOf(request.verb, name, wrong));
    }
  }

  /** The directory of --root: each has ids of its own. */
  get root(): string {
    return this.needed('root');
  }

  /** The capabilities of the command, by their numbers as bits; each bit where it has not told them. */
  get capabilities(): bigint {
    const [, low, high] = /^(\d{1,10}),(\d{1,10})$/.exec(this.value('capabilities') ?? '') ?? [];
    return low === undefined || high === undefined ? -1n : (BigInt(high) << 32n) | BigInt(low);
  }

  /** Whether systemd is the cgroup manager of the engine. */
  get bySystemd(): boolean {
    return this.has('systemd-cgroup') || this.value('cgroup-manager') === 'systemd';
  }

  /** The value of an option that was given last. */
  value(name: string): string | undefined {
    return this.#request.values.get(name)?.at(-1);
  }

  /** All values of an option, in their order. */
  values(name: string): readonly string[] {
    return this.#request.values.get(name) ?? [];
  }

  /** The value of an option that is a number from 0 on; 0 if it was not given. @throws NiwaError SPEC_INVALID */
  count(name: string): number {
    const value = this.value(name) ?? '0';
    if (!/^\d{1,4}$/.test(value)) throw new NiwaError('SPEC_INVALID', `--${name} has to be a number: ${value}`);
    return Number(value);
  }

  /** Whether an option was given that has no value, or any value but false. */
  has(name: string): boolean {
    return (this.value(name) ?? 'false') !== 'false';
  }

  /** @throws NiwaError SPEC_INVALID if the request has no such value */
  needed(name: string): string {
    const value = this.value(name);
    if (value === undefined) throw new NiwaError('SPEC_INVALID', `the request of niwa-oci has no ${name}`);
    return value;
  }

  /** The arguments from an index on. */
  rest(from: number): readonly string[] {
    return this.values('argument').slice(from);
  }

  /**
   * Checks that the terminal of a process has a receiver: the command itself, or a console socket.
   * @throws NiwaError SPEC_INVALID in the words that engines look for
   */
  requireConsole(terminal: boolean): void {
    if (terminal && !this.has('console-socket') && !this.has('foreground'))
      throw new NiwaError('SPEC_INVALID', 'cannot allocate tty if runc will detach without setting console socket');
    if (!terminal && this.has('console-socket'))
      throw new NiwaError('SPEC_INVALID', 'cannot use console socket if runc will not detach or allocate tty');
  }

  /** The argument with this index, if it was given. */
  optional(index: number): string | undefined {
    return this.#request.values.get('argument')?.[index];
  }

  /** @throws NiwaError SPEC_INVALID if it was not given */
  argument(index: number, what: string): string {
    const value = this.optional(index);
    if (value === undefined || value === '') throw new NiwaError('SPEC_INVALID', `${this.#request.verb} needs ${what}`);
    return value;
  }
}

function refusalOf(verb: string, name: string, value: string): string {
  const allowed = VALUES[name];
  if (allowed !== undefined) return `--${name} ${JSON.stringify(value)}: it has to be one of ${allowed.join(', ')}`;
  const reason = REASONS[name];
  return `${verb} --${name}${reason === undefined ? ' is not supported yet by niwa-oci' : `: ${reason}`}`;
}
