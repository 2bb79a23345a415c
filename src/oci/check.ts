import { posix } from 'node:path';
import { freeze } from '../kept/freeze.js';
import { Kept } from '../kept/kept.js';
import type { OciConfig, OciHooks, OciProcess, OciResources, OciSeccomp } from '../plan/oci/config.js';
import { asksAgent } from '../plan/oci/process.js';
import { MAX_64_BITS, refused, requireWithin } from '../plan/oci/refusal.js';
import { capabilityName } from '../spec/capabilities.js';
import { settleMounts } from './check-mounts.js';
import { checkBlockIo, checkDevices, checkNamespaces, MAX_CONSOLE, MAX_ID } from './check-numbers.js';
import { checkSeccomp } from './check-seccomp.js';
import { plainJson } from './exact-json.js';
import { FIELDS, type Field, type FieldType } from './fields.js';

/** Is told the names of fields that no version of the OCI runtime-spec has, where there are some. */
export type Tell = (fields: readonly string[]) => void;
const toNobody: Tell = () => {};

/**
 * Checks a config against the table of fields: each field is honoured, or the config is refused by its name. Pure.
 * @param config of any shape, by parseExact(); it loses the fields that the OCI does not have
 * @throws NiwaError SPEC_INVALID
 */
export function checkConfig(config: unknown, tell = toNobody): OciConfig {
  if (!isObject(config)) throw refused('config.json', 'it has to be an object');
  checkAll(config, '', tell);
  checkMeaning(config as unknown as OciConfig);
  return config as unknown as OciConfig;
}

/**
 * Checks the process of an exec as that of a config. Pure.
 * @param process of any shape, by parseExact()
 * @throws NiwaError SPEC_INVALID
 */
export function checkProcess(process: unknown, tell = toNobody): OciProcess {
  if (!isObject(process)) throw refused('process', 'it has to be an object');
  checkAll(process, 'process.', tell);
  checkMeaningOfProcess(process as OciProcess);
  return process as OciProcess;
}

/**
 * Checks the limits of an update, which are those of `linux.resources` in a config. Pure.
 * @param resources of any shape, by parseExact()
 * @throws NiwaError SPEC_INVALID
 */
export function checkResources(resources: unknown, tell = toNobody): OciResources {
  if (!isObject(resources)) throw refused('linux.resources', 'it has to be an object');
  checkAll(resources, 'linux.resources.', tell);
  checkBlockIo(resources);
  return resources as OciResources;
}

function checkAll(object: Partial<OciConfig> | OciProcess | OciResources, place: string, tell: Tell): void {
  const unknown: string[] = [];
  checkFields(object, place, place, unknown);
  leaveOutCapabilities('process' in object ? object.process : object, unknown);
  if ('linux' in object) tellIdleAgent(object.linux?.seccomp, unknown);
  if ('mounts' in object) settleMounts(object.mounts ?? [], unknown);
  if (unknown.length > 0) tell(unknown);
}

/** Leaves out the names of capabilities that this niwa does not know, as config.md of the OCI wants it. */
function leaveOutCapabilities(process: object | undefined, unknown: string[]): void {
  const { capabilities = {} } = (process ?? {}) as Partial<OciProcess>;
  for (const [set, names] of Object.entries(capabilities)) {
    const isKnown = (name: string) => ![undefined, 'ALL'].includes(capabilityName(name));
    unknown.push(...names.filter((name) => !isKnown(name)).map((name) => `process.capabilities.${set} "${name}"`));
    Object.assign(capabilities, { [set]: names.filter(isKnown) });
  }
}

/** Names the agent of a filter that asks nobody: it hears nothing, as config-linux.md of the OCI wants it. */
function tellIdleAgent(seccomp: OciSeccomp | undefined, unknown: string[]): void {
  if ((seccomp?.listenerPath ?? '') !== '' && !asksAgent(seccomp as OciSeccomp))
    unknown.push('linux.seccomp.listenerPath, as no call has the action SCMP_ACT_NOTIFY');
}

/**
 * @param shown the place of the object in the config, for errors: `mounts[3].`
 * @param listed the same place in the table: `mounts[].`
 * @param unknown gets the places of fields that are in no table
 */
function checkFields(object: object, shown: string, listed: string, unknown: string[]): void {
  const fields = Object.entries(object);
  requireFew(fields.length, shown === '' ? 'config.json' : shown.slice(0, -1));
  for (const [name, value] of fields) {
    const field = Object.hasOwn(FIELDS, listed + name) ? FIELDS[listed + name] : undefined;
    const place = shown + name;
    if (listed + name === SECCOMP && isObject(value) && !asksForNothing(value)) {
      Object.assign(object, { [name]: checkedFilter(value, unknown) });
    } else if (field === undefined) {
      Reflect.deleteProperty(object, name);
      if (!asksForNothing(value)) unknown.push(place);
    } else if (!asksForNothing(value)) {
      checkValue(value, field, place, listed + name, unknown);
    } else if (field.type !== null && !TYPES[field.type].is(value)) {
      // of another type it would be taken for something: `{}` for true
      Reflect.deleteProperty(object, name);
    }
  }
}

const SECCOMP = 'linux.seccomp';

/** A filter that has passed the checks, and the fields that it has lost. */
interface CheckedFilter {
  filter: OciSeccomp;
  lost: readonly string[];
}

/** Engines give most containers the same filter, which is most of the text of a config. */
const filters = new Kept<CheckedFilter>((checked) => JSON.stringify(checked).length);

/** Gives a filter that is checked. Those of one text are one frozen object: what is made of it is kept with it. */
function checkedFilter(filter: object, unknown: string[]): OciSeccomp {
  const text = plainJson(filter);
  const known = text === undefined ? undefined : filters.get(null, text);
  const checked = known ?? checkFilter(filter as OciSeccomp);
  if (known === undefined && text !== undefined) filters.set(null, text, checked);
  unknown.push(...checked.lost);
  return checked.filter;
}

function checkFilter(filter: OciSeccomp): CheckedFilter {
  const lost: string[] = [];
  checkFields(filter, `${SECCOMP}.`, `${SECCOMP}.`, lost);
  checkSeccomp(filter);
  freeze(filter);
  return { filter, lost };
}

/** The loop of niwad does nothing else while it looks at them. */
const MOST_ENTRIES = 4096;
/** The kernel takes 65,536 groups (setgroups(2)), an operation of the boot program somewhat less. */
const MOST_WORDS = 65_000;
/** A program may have many arguments and variables, and a user many groups. */
const OF_WORDS = /[.](args|env|additionalGids)$/;
/** The kernel verifies 500 in a second, and gives up some 1000 after many seconds. */
const MOST_RULES = 500;
const RULES = 'linux.resources.devices';

function requireFew(entries: number, place: string): void {
  const most = OF_WORDS.test(place) ? MOST_WORDS : place === RULES ? MOST_RULES : MOST_ENTRIES;
  if (entries > most) throw refused(place, `it has ${entries} entries; at most ${most} are supported`);
}

function checkValue(
  value: unknown,
  { type, note, only }: Field,
  place: string,
  listed: string,
  unknown: string[],
): void {
  if (type === null) throw refused(place, `niwa-oci does not support it (${note})`);
  if (typeof value === 'object' && value !== null) requireFew(Object.keys(value).length, place);
  if (!TYPES[type].is(value)) throw refused(place, `it has to be ${TYPES[type].words}`);
  if (only !== undefined && !only.some((each) => each === value)) throw refused(place, 'cgroup v2 has no such limit');
  if (type === 'object') checkFields(value as object, `${place}.`, `${listed}.`, unknown);
  if (type === 'objects')
    for (const [i, item] of (value as object[]).entries())
      checkFields(item, `${place}[${i}].`, `${listed}[].`, unknown);
  if (type === 'objectMap')
    for (const [key, item] of Object.entries(value as Record<string, object>))
      checkFields(item, `${place}[${JSON.stringify(key)}].`, `${listed}{}.`, unknown);
}

/** Engines write out fields that they leave empty. */
function asksForNothing(value: unknown): boolean {
  if (value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isInteger = (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value);
const isText = (value: unknown) => typeof value === 'string' && !value.includes('\0');
const listOf = (is: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(is);

const TYPES: Record<FieldType, { is: (value: unknown) => boolean; words: string }> = {
  text: { is: isText, words: 'a text' },
  texts: { is: listOf(isText), words: 'a list of texts' },
  integer: { is: isInteger, words: 'an integer' },
  integers: { is: listOf(isInteger), words: 'a list of integers' },
  boolean: { is: (value) => typeof value === 'boolean', words: 'true or false' },
  object: { is: isObject, words: 'an object' },
  objects: { is: listOf(isObject), words: 'a list of objects' },
  map: { is: (value) => isObject(value) && Object.values(value).every(isText), words: 'an object of texts' },
  objectMap: { is: (value) => isObject(value) && Object.values(value).every(isObject), words: 'an object of objects' },
};

/** That of a process whose config names none. */
const ROOT_USER: Partial<OciProcess['user']> & object = { uid: 0, gid: 0 };
/** Of a point: niwad and the command read and run each of them. */
const MOST_HOOKS = 64;
/** Of sethostname(2) and setdomainname(2). */
const MOST_NAME_BYTES = 64;
/** A longer time is none. */
const MOST_HOOK_SECONDS = 1e9;

/** Checks what types cannot say: fields that are needed, and bounds of numbers. */
function checkMeaning(config: OciConfig): void {
  const { ociVersion, process, root, hooks = {}, hostname = '', domainname = '', mounts = [], linux = {} } = config;
  if (ociVersion === undefined) throw refused('ociVersion', 'it is missing; such as "1.2.0"');
  if (!/^1\.[0-3](\.|$)/.test(ociVersion)) throw refused('ociVersion', 'niwa-oci supports 1.0 to 1.3');
  if (root?.path === undefined || root.path === '') throw refused('root.path', 'it is missing');
  if (process === undefined) throw refused('process', 'it is missing');
  checkMeaningOfProcess(process);
  checkHooks(hooks);
  for (const [i, { destination }] of mounts.entries())
    if ((destination ?? '') === '') throw refused(`mounts[${i}].destination`, 'it is missing');
  for (const [name, own] of Object.entries({ hostname, domainname }))
    if (Buffer.byteLength(own) > MOST_NAME_BYTES) throw refused(name, `it has more than ${MOST_NAME_BYTES} bytes`);
  for (const [name, own] of Object.entries({ 'kernel.hostname': hostname, 'kernel.domainname': domainname }))
    if (own !== '' && (linux.sysctl?.[name] ?? own) !== own)
      throw refused(
        `linux.sysctl "${name}"`,
        `${name.slice('kernel.'.length)} of the config is another one: leave one out`,
      );
  checkDevices(linux.devices ?? []);
  checkNamespaces(linux.namespaces ?? []);
  checkBlockIo(linux.resources ?? {});
  if (linux.resources?.pids?.limit === 0 && hasZeroPids(ociVersion)) linux.resources.pids.limit = 1;
  if (Object.keys(linux.seccomp ?? {}).length === 0) delete linux.seccomp;
}

/** From 1.3 on 0 is a limit, which config-linux.md takes as 1. Engines of earlier versions write it for none. */
const hasZeroPids = (version: string) => /^1\.3(\.|$)/.test(version);

function checkHooks(hooks: OciHooks): void {
  for (const [point, list] of Object.entries(hooks)) {
    if (list.length > MOST_HOOKS) throw refused(`hooks.${point}`, `at most ${MOST_HOOKS} are supported`);
    for (const [i, { path, timeout = 1 }] of list.entries()) {
      const place = `hooks.${point}[${i}]`;
      if (!posix.isAbsolute(path ?? '')) throw refused(`${place}.path`, 'it has to be an absolute path');
      if (timeout < 1 || timeout > MOST_HOOK_SECONDS)
        throw refused(`${place}.timeout`, `it has to be from 1 to ${MOST_HOOK_SECONDS}`);
    }
  }
}

function checkMeaningOfProcess(process: OciProcess): void {
  const { args = [], cwd = '', rlimits = [], consoleSize: { height = 0, width = 0 } = {} } = process;
  if ((args[0] ?? '') === '') throw refused('process.args', 'it is missing');
  if (!posix.isAbsolute(cwd)) throw refused('process.cwd', 'it has to be an absolute path');
  requireWithin(height, 'process.consoleSize.height', MAX_CONSOLE);
  requireWithin(width, 'process.consoleSize.width', MAX_CONSOLE);
  process.user = { ...ROOT_USER, ...process.user };
  const { uid, gid, umask = 0, additionalGids = [] } = process.user;
  requireWithin(uid, 'process.user.uid', MAX_ID);
  requireWithin(gid, 'process.user.gid', MAX_ID);
  requireWithin(umask, 'process.user.umask', 0o777);
  for (const [i, group] of additionalGids.entries()) requireWithin(group, `process.user.additionalGids[${i}]`, MAX_ID);
  for (const [i, { soft, hard }] of rlimits.entries()) {
    requireWithin(soft, `process.rlimits[${i}].soft`, MAX_64_BITS);
    requireWithin(hard, `process.rlimits[${i}].hard`, MAX_64_BITS);
  }
}
