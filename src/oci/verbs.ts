import { version } from '../installation/version.js';
import { isKernelError } from '../kernel/errors.js';
import { NiwaError } from '../protocol/errors.js';
import { signalNumber } from '../spec/signals.js';
import type { Connection } from './connection.js';
import { create } from './create.js';
import { CRIU_VERBS } from './criu.js';
import { features } from './features.js';
import { GROUP_VERBS } from './group-verbs.js';
import { tellNotify } from './notify.js';
import type { Call } from './options.js';
import { PROCESS_VERBS } from './process-verbs.js';
import { removeUnlessGone } from './removal.js';
import { startMade } from './start.js';
import { listTable, shownJson } from './state.js';
import { conflict, containerOf, stateOf, statusNow, type Verb, type VerbParts } from './verb-parts.js';

/** The verbs of the command that niwad knows; `run` is a create, a start, and a delete at its end. */
export const VERBS: Readonly<Record<string, Verb>> = {
  create,
  start,
  state,
  kill,
  delete: remove,
  list,
  features: tell,
  notify: tellNotify,
  ...PROCESS_VERBS,
  ...GROUP_VERBS,
  ...CRIU_VERBS,
};

async function start(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status !== 'created')
    throw conflict(`cannot start a container that has ${status === 'stopped' ? 'stopped' : 'been started'}: ${status}`);
  await startMade(parts, container, connection, false);
  return '';
}

async function state(parts: VerbParts, call: Call): Promise<string> {
  const { names } = parts;
  const id = call.argument(0, 'the id of the container');
  await names.madeSoon(call.root, id);
  const told = names.making(call.root, id) ?? stateOf(parts, containerOf(parts, call));
  return `${shownJson(told, 2)}\n`;
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
    throw new NiwaError(
      'SPEC_INVALID',
      `unknown signal ${JSON.stringify(text)}; it is a name such as TERM, or a number up to 64`,
    );
  return number;
}

async function remove(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const id = call.argument(0, 'the id of the container');
  const made = call.value('made');
  if (call.has('force')) await parts.names.made(call.root, id);
  const mayBeGone = call.has('force') || made !== undefined;
  if (mayBeGone && !parts.names.has(call.root, id, made)) return '';
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status !== 'stopped' && status !== 'created' && !call.has('force'))
    throw conflict(`cannot delete container ${id} that is not stopped: ${status}; --force ends it`);
  await removeUnlessGone(parts, container, connection);
  return '';
}

async function list(parts: VerbParts, call: Call): Promise<string> {
  const format = call.value('format') ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new NiwaError('SPEC_INVALID', 'invalid format option; use table or json');
  const own = parts.names.ids(call.root).map((id) => stateOf(parts, parts.runtime.get(id)));
  if (call.has('quiet')) return own.map(({ id }) => `${id}\n`).join('');
  return format === 'json' ? `${shownJson(own)}\n` : listTable(own);
}

async function tell(): Promise<string> {
  return `${JSON.stringify(features(version), null, 2)}\n`;
}
