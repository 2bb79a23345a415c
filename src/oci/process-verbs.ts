import { posix } from 'node:path';
import type { Container } from '../engine/container.js';
import { execError } from '../engine/failure.js';
import { labelModules } from '../host/labels.js';
import { ownCapabilities } from '../host/own-capabilities.js';
import { compileSeccomp } from '../host/seccomp.js';
import { isKernelError } from '../kernel/errors.js';
import type { OciConfig } from '../plan/oci/config.js';
import { type ExecConfig, ociExecOps } from '../plan/oci/exec.js';
import { execCpus } from '../plan/oci/scheduling.js';
import type { Op } from '../plan/op.js';
import { NiwaError } from '../protocol/errors.js';
import { signalName } from '../spec/signals.js';
import { agentWords } from './agent.js';
import { askedProcess } from './asked-process.js';
import { enterBy } from './birth.js';
import type { Connection } from './connection.js';
import { parseExact } from './exact-json.js';
import { grantableIn, withGrantable } from './grantable.js';
import { withLabels } from './labels.js';
import type { Call } from './options.js';
import { conflict, containerOf, stateOf, statusNow, type Verb, type VerbParts, warningOf } from './verb-parts.js';
import { quoted, wordsOf } from './words.js';

/** The verbs on processes of a container. */
export const PROCESS_VERBS: Readonly<Record<string, Verb>> = { exec, ps };

async function exec(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  const isPaused = status === 'paused' && !call.has('ignore-paused');
  if (status === 'stopped' || isPaused) throw conflict(`cannot exec in a ${status} container`);
  const config = savedConfig(container);
  const tell = warningOf(connection);
  const grantable = grantableIn(config, ownCapabilities() & call.capabilities);
  const asked = withGrantable(askedProcess(call, config.process, tell), grantable, tell);
  const process = withLabels(asked, '', labelModules());
  call.requireConsole(process.terminal ?? false);
  const below = groupBelow(call.value('cgroup'));
  const ops = ociExecOps({ ...config, process }, compileSeccomp, call.count('kept-fds'));
  const cpus = execCpus(process).command;
  try {
    const words = [
      ...(status === 'paused' ? [['paused', ''] as const] : []), // it has no bound then
      ...(cpus.length === 0 ? [] : [['cpus', cpus.join(',')] as const]),
      ...agentWords(config.linux?.seccomp, stateOf(parts, container)),
    ];
    await enterBy(connection, () => parts.kernel.births.enter(container.handle, below), ops, words);
    return '';
  } catch (error) {
    throw errorOf(error, container.id, ops, process.args[0]);
  }
}

/** Gives the path of a group below that of the container; "" where the exec names none. */
function groupBelow(path: string | undefined): string {
  if (path === undefined) return '';
  if (path.includes(':')) throw new NiwaError('SPEC_INVALID', `exec --cgroup ${quoted(path)}: cgroup v2 has one path`);
  if (path.split('/').includes('..'))
    throw new NiwaError('SPEC_INVALID', `bad sub cgroup path: ${path} is not a sub cgroup path`);
  return posix.normalize(`./${path}`);
}

/** Gives what an exec needs of a config: it is saved, since the config may change after the container is made. Pure. */
export function execConfigOf({
  process,
  linux: { namespaces, uidMappings, gidMappings, seccomp, personality, memoryPolicy } = {},
}: OciConfig): ExecConfig {
  return {
    process,
    linux: {
      ...(namespaces === undefined ? {} : { namespaces }),
      ...(uidMappings === undefined ? {} : { uidMappings }),
      ...(gidMappings === undefined ? {} : { gidMappings }),
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(personality === undefined ? {} : { personality }),
      ...(memoryPolicy === undefined ? {} : { memoryPolicy }),
    },
  };
}

/**
 * Gives what was saved of the config, which was checked when the container was made.
 * @throws NiwaError STATE_CONFLICT where it is lost
 */
export function savedConfig({ id, spec: { oci } }: Container): ExecConfig {
  if (oci?.execConfig === undefined)
    throw conflict(`the config of container ${id} is lost: its saved state was damaged`);
  return parseExact(`the saved config of container ${id}`, oci.execConfig) as ExecConfig;
}

function errorOf(error: unknown, id: string, ops: readonly Op[], program: string | undefined): unknown {
  if (isKernelError(error, 'ENOENT') && error.at === null)
    return new NiwaError('NOT_FOUND', 'the cgroup of exec --cgroup: no such file or directory', { cause: error });
  if (isKernelError(error, 'ESRCH')) return conflict('cannot exec in a stopped container'); // it has ended just now
  if (!isKernelError(error) || error.at === null) return error;
  if (error.at.signal !== 0)
    return conflict(`the process was ended by ${signalName(error.at.signal)} before its program began`);
  const named = execError(id, ops, error);
  return new NiwaError('START_FAILED', wordsOf(named, program), { cause: error, details: named.details });
}

async function ps(parts: VerbParts, call: Call): Promise<string> {
  const format = call.value('format') ?? 'table';
  if (format !== 'table' && format !== 'json')
    throw new NiwaError('SPEC_INVALID', 'invalid format option; use table or json');
  const pids = await parts.kernel.births.processes(containerOf(parts, call).handle);
  // the command makes the table: it runs ps(1), which may take long
  return format === 'json' ? `${JSON.stringify(pids)}\n` : pids.map((pid) => `${pid}\n`).join('');
}
