import type { OciProcess } from '../plan/oci/config.js';
import { NiwaError } from '../protocol/errors.js';
import { capabilityName } from '../spec/capabilities.js';
import { checkProcess, type Tell } from './check.js';
import { parseExact } from './exact-json.js';
import type { Call } from './options.js';

/** The options of `exec` that a file of --process replaces. */
const REPLACED = ['env', 'cwd', 'user', 'additional-gids', 'cap', 'no-new-privs', 'apparmor', 'process-label'];
const USER = /^(\d{1,10})(?::(\d{1,10}))?$/;

/**
 * Gives the process that an `exec` asks for: that of --process, else that of the container with other arguments. Pure.
 * @param own the process of the config of the container
 * @param tell is told the fields of the file that the OCI does not have
 * @throws NiwaError SPEC_INVALID
 */
export function askedProcess(call: Call, own: OciProcess, tell?: Tell): OciProcess {
  const file = call.value('process');
  return file === undefined ? checkProcess(byOptions(call, own)) : byFile(call, own, file, tell);
}

/** What the file leaves out of the rights is as in the container. */
function byFile(call: Call, own: OciProcess, file: string, tell?: Tell): OciProcess {
  const option = REPLACED.find((name) => call.value(name) !== undefined);
  if (option !== undefined) throw invalid(`exec --${option} has no effect beside --process: set it in the file`);
  if (call.optional(1) !== undefined) throw invalid('exec --process takes the program from the file: leave it out');
  const asked = checkProcess(parseExact('the file of --process', file), tell);
  const { capabilities = own.capabilities, oomScoreAdj = own.oomScoreAdj } = asked;
  const rlimits = (asked.rlimits ?? []).length > 0 ? asked.rlimits : own.rlimits;
  return {
    ...asked,
    ...(call.has('tty') ? { terminal: true } : {}),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(rlimits === undefined ? {} : { rlimits }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...labelsOf(own),
    ...labelsOf(asked),
  };
}

function labelsOf({ apparmorProfile = '', selinuxLabel = '' }: OciProcess): Partial<OciProcess> {
  return {
    ...(apparmorProfile === '' ? {} : { apparmorProfile }),
    ...(selinuxLabel === '' ? {} : { selinuxLabel }),
  };
}

function byOptions(call: Call, own: OciProcess): OciProcess {
  const args = call.rest(1);
  if (args.length === 0) throw invalid('exec needs a program: niwa-oci exec ID PROGRAM ..., or --process FILE ID');
  const added = call.values('cap').map(capabilityOf);
  return {
    ...own,
    args: [...args],
    cwd: call.value('cwd') ?? own.cwd,
    env: withVariables(own.env ?? [], call.values('env')),
    user: userOf(call, own.user),
    terminal: call.has('tty'),
    ...askedLabels(call),
    ...(call.value('no-new-privs') === undefined ? {} : { noNewPrivileges: call.has('no-new-privs') }),
    ...(added.length === 0 ? {} : { capabilities: withCapabilities(own.capabilities, added) }),
  };
}

function askedLabels(call: Call): { apparmorProfile?: string; selinuxLabel?: string } {
  const [profile, label] = [call.value('apparmor'), call.value('process-label')];
  return {
    ...(profile === undefined ? {} : { apparmorProfile: profile }),
    ...(label === undefined ? {} : { selinuxLabel: label }),
  };
}

/** The last value of a variable is the one that counts, so an earlier one is left out. */
function withVariables(env: readonly string[], added: readonly string[]): string[] {
  const wrong = added.find((entry) => entry.indexOf('=') < 1);
  if (wrong !== undefined) throw invalid(`exec --env ${JSON.stringify(wrong)}: write NAME=VALUE`);
  const nameOf = (entry: string) => entry.split('=', 1)[0];
  return [...new Map([...env, ...added].map((entry) => [nameOf(entry), entry])).values()];
}

function userOf(call: Call, own: OciProcess['user']): OciProcess['user'] {
  const groups = call.values('additional-gids').flatMap((list) => list.split(','));
  const wrong = groups.find((id) => !/^\d{1,10}$/.test(id));
  if (wrong !== undefined) throw invalid(`exec --additional-gids ${JSON.stringify(wrong)}: write numbers`);
  const text = call.value('user');
  const [, uid = own.uid, gid = own.gid] = text === undefined ? [] : (USER.exec(text) ?? []);
  if (text !== undefined && !USER.test(text))
    throw invalid(`exec --user ${JSON.stringify(text)}: write UID or UID:GID in numbers; engines look up names`);
  return {
    ...own,
    uid: Number(uid),
    gid: Number(gid),
    additionalGids: [...(own.additionalGids ?? []), ...groups.map(Number)],
  };
}

/** A name that is not known stays as it is: it is left out with that of a config. */
function capabilityOf(text: string): string {
  const name = capabilityName(text);
  if (name === 'ALL') throw invalid(`exec --cap ${JSON.stringify(text)}: no such capability`);
  return name === undefined ? text : `CAP_${name}`;
}

function withCapabilities(
  own: NonNullable<OciProcess['capabilities']> = {},
  added: readonly string[],
): NonNullable<OciProcess['capabilities']> {
  const { bounding = [], effective = [], permitted = [] } = own;
  return {
    ...own,
    bounding: [...bounding, ...added],
    effective: [...effective, ...added],
    permitted: [...permitted, ...added],
  };
}

function invalid(message: string): NiwaError {
  return new NiwaError('SPEC_INVALID', message);
}
