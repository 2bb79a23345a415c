import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ROOT } from '../access/allowed.js';
import { controllersAt } from '../host/group-place.js';
import { ownGroup } from '../host/own-group.js';
import { version } from '../installation/version.js';
import { isKernelError } from '../kernel/errors.js';
import type { OciConfig } from '../plan/oci/config.js';
import { groupPathOf } from '../plan/oci/group.js';
import { isBind } from '../plan/oci/mounts.js';
import { makeOciPlan, type OciChoices, type OciSources } from '../plan/oci/plan.js';
import { refused } from '../plan/oci/refusal.js';
import { NiwaError } from '../protocol/errors.js';
import { signalNumber } from '../spec/signals.js';
import { agentWords } from './agent.js';
import { birthBy } from './birth.js';
import { checkConfig } from './check.js';
import type { Connection } from './connection.js';
import { parseExact, writeExact } from './exact-json.js';
import { features } from './features.js';
import { GROUP_VERBS } from './group-verbs.js';
import type { Call } from './options.js';
import { execConfigOf, PROCESS_VERBS } from './process-verbs.js';
import { specOf } from './spec.js';
import { listTable } from './state.js';
import { conflict, containerOf, stateOf, statusNow, type Verb, type VerbParts, warningOf } from './verb-parts.js';
import { quoted, wordsOf } from './words.js';

/** The verbs of the command that niwad knows; `run` is a create, a start and a delete of one connection. */
export const VERBS: Readonly<Record<string, Verb>> = {
  create,
  start,
  state,
  kill,
  delete: remove,
  list,
  features: tell,
  ...PROCESS_VERBS,
  ...GROUP_VERBS,
};

const ID = /^[\w+\-.]{1,1024}$/;

async function create(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const id = call.argument(0, 'the id of the container');
  const [wrong = id] = /[^\w+\-.]/.exec(id) ?? [];
  if (!ID.test(id) || id === '.' || id === '..')
    throw new NiwaError(
      'SPEC_INVALID',
      `invalid id format: ${id}; invalid character \`${wrong}\` in the ID; allowed are 1 to 1024 of the characters a-z A-Z 0-9 _ + - .`,
    );
  const config = checkConfig(parseExact('config.json', call.needed('config')), warningOf(connection));
  call.requireConsole(config.process.terminal ?? false);
  const giveBack = parts.names.reserve(call.root, id);
  try {
    const choices = choicesOf(call);
    await createFrom(parts, { id, config, choices, bundle: call.needed('bundle'), root: call.root }, connection);
    return '';
  } catch (error) {
    throw new NiwaError('START_FAILED', wordsOf(error, config.process.args[0]), { cause: error });
  } finally {
    giveBack();
  }
}

interface Creation {
  id: string;
  root: string;
  bundle: string;
  config: OciConfig;
  choices: OciChoices;
}

function choicesOf(call: Call): OciChoices {
  return {
    newKeyring: !call.has('no-new-keyring'),
    pivots: !call.has('no-pivot'),
    keptFds: call.count('kept-fds'),
    listenFds: call.count('listen-fds'),
  };
}

async function createFrom(parts: VerbParts, creation: Creation, connection: Connection): Promise<void> {
  const { id, root, bundle, config, choices } = creation;
  const group = groupOf(parts, config.linux?.cgroupsPath ?? '');
  const sources = { ...sourcesOf(config, bundle), ...(group === undefined ? {} : { group }) };
  const { annotations = {} } = config;
  const execConfig = writeExact(execConfigOf(config));
  const origin = { id, root, bundle, rootfs: sources.root, annotations, execConfig };
  const container = await parts.runtime.createBorn((own) => {
    const spec = specOf(own, config, origin, parts.honoured);
    const agent = agentWords(config.linux?.seccomp, { ...origin, status: 'creating', pid: null });
    const birth = birthBy(connection, parts.kernel.births, (view) => {
      const plan = makeOciPlan(own, config, view, sources, spec.resources, choices);
      return { ...plan, words: [...plan.words, ...agent] };
    });
    return { spec, birth };
  });
  parts.names.add(container);
}

/** Gives the place of the group that a config asks for; undefined where niwad chooses it. */
function groupOf({ runtime }: VerbParts, cgroupsPath: string): OciSources['group'] {
  if (cgroupsPath === '') return undefined;
  const { tree } = runtime;
  const path = groupPathOf(cgroupsPath, { ...tree, own: ownGroup() });
  if (existsSync(path))
    throw refused(
      `linux.cgroupsPath ${quoted(cgroupsPath)}`,
      `the group ${path} exists: it may be of others, and a container has one of its own. Name another, or remove it by rmdir`,
    );
  const outer = runtime.list().find(({ cgroup }) => path.startsWith(`${cgroup}/`));
  if (outer !== undefined)
    throw refused(
      `linux.cgroupsPath ${quoted(cgroupsPath)}`,
      `it is inside the group of container ${outer.spec.oci?.id ?? outer.id}, which has it for itself`,
    );
  return { path, controllers: controllersAt(path, tree.controllers.missing) };
}

/** Gives the paths of the root and of the bind sources, from `/` on. */
function sourcesOf({ root, mounts = [] }: OciConfig, bundle: string): OciSources {
  const whole = (path: string) => (isAbsolute(path) ? path : `${bundle}/${path}`);
  return {
    root: whole(root.path),
    mounts: mounts.map((item) => (isBind(item) && item.source !== undefined ? whole(item.source) : undefined)),
  };
}

async function start(parts: VerbParts, call: Call): Promise<string> {
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status !== 'created')
    throw conflict(`cannot start a container that has ${status === 'stopped' ? 'stopped' : 'been started'}: ${status}`);
  try {
    await parts.runtime.start(container.id, ROOT);
  } catch (error) {
    if (call.has('undo')) await parts.runtime.remove(container.id, ROOT, { force: true });
    throw new NiwaError('START_FAILED', wordsOf(error, container.spec.process.args[0]), { cause: error });
  }
  return '';
}

async function state(parts: VerbParts, call: Call): Promise<string> {
  const container = containerOf(parts, call);
  return `${JSON.stringify(stateOf(parts, container), null, 2)}\n`;
}

async function kill(parts: VerbParts, call: Call): Promise<string> {
  const container = containerOf(parts, call);
  const signal = signalOf(call.optional(1) ?? 'SIGTERM');
  const isStopped = statusNow(parts, container) === 'stopped';
  if (isStopped && call.has('all')) return ''; // engines ask for it to be sure, and niwad has ended all
  if (isStopped) throw conflict('container not running: process already finished');
  try {
    if (signal === KILL) container.control.end();
    else if (call.has('all')) await parts.kernel.births.deliverAll(container.handle, signal);
    else parts.kernel.births.deliver(container.handle, signal);
  } catch (error) {
    if (isKernelError(error, 'ESRCH')) throw conflict('container not running: process already finished');
    throw error;
  }
  return '';
}

const KILL = 9;

/** Takes a name with or without SIG, or a number. */
function signalOf(text: string): number {
  const name = text.toUpperCase();
  const number = /^\d{1,2}$/.test(name) ? Number(name) : signalNumber(name.startsWith('SIG') ? name : `SIG${name}`);
  if (number === undefined || number > 64)
    throw new NiwaError('SPEC_INVALID', `unknown signal ${JSON.stringify(text)}`);
  return number;
}

async function remove(parts: VerbParts, call: Call): Promise<string> {
  if (call.has('force') && !parts.names.has(call.root, call.argument(0, 'the id of the container'))) return '';
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status === 'stopped')
    await container.exited; // the record is being written
  else if (status !== 'created' && !call.has('force'))
    throw conflict(`cannot delete container ${call.argument(0, 'the id')} that is not stopped: ${status}`);
  await parts.runtime.remove(container.id, ROOT, { force: true });
  return '';
}

async function list(parts: VerbParts, call: Call): Promise<string> {
  const format = call.value('format') ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new NiwaError('SPEC_INVALID', 'invalid format option; use table or json');
  const own = parts.names.ids(call.root).map((id) => stateOf(parts, parts.runtime.get(id)));
  if (call.has('quiet')) return own.map(({ id }) => `${id}\n`).join('');
  return format === 'json' ? `${JSON.stringify(own)}\n` : listTable(own);
}

async function tell(): Promise<string> {
  return `${JSON.stringify(features(version), null, 2)}\n`;
}
