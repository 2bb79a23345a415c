import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import { setScopeProperties } from '../host/scope.js';
import { ociLimitWrites } from '../plan/oci/resources.js';
import { scopeProperties } from '../plan/oci/scope-properties.js';
import type { Connection } from './connection.js';
import type { Call } from './options.js';
import { statsEvent } from './stats.js';
import { completed, resourcesOf } from './update.js';
import { conflict, containerOf, statusNow, type Verb, type VerbParts, warningOf } from './verb-parts.js';

/** The verbs that act on the group of a container. */
export const GROUP_VERBS: Readonly<Record<string, Verb>> = { pause, resume, update, events };

async function pause(parts: VerbParts, call: Call): Promise<string> {
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status !== 'running') throw conflict(`cannot pause: container not running: ${status}`);
  await parts.runtime.pause(container.id, ROOT);
  return '';
}

async function resume(parts: VerbParts, call: Call): Promise<string> {
  const container = containerOf(parts, call);
  const status = statusNow(parts, container);
  if (status !== 'paused') throw conflict(`cannot resume: container not paused: ${status}`);
  await parts.runtime.resume(container.id, ROOT);
  return '';
}

async function update(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const container = containerOf(parts, call);
  const change = resourcesOf((option) => call.value(option), warningOf(connection));
  if (statusNow(parts, container) === 'stopped') throw conflict('cannot update: container not running: stopped');
  const { scope } = container.spec.oci ?? {};
  await parts.runtime.writeLimits(container.id, (controllers, read) => {
    const whole = completed(change, read);
    const { checkBeforeUpdate = false, limit } = whole.memory ?? {};
    const mostBytes = checkBeforeUpdate && limit !== undefined && limit > 0 ? Number(limit) : undefined;
    const writes = ociLimitWrites(whole, controllers);
    if (scope === undefined) return { writes, mostBytes };
    return { writes, mostBytes, beyond: () => setScopeProperties(scope, scopeProperties(writes)) };
  });
  return '';
}

/** How many OOM kills of its container a command knows. */
const knownKills = new WeakMap<Connection, number>();

/** The command asks again after each interval, until there is no answer any more. */
async function events(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const container = containerOf(parts, call);
  const isStopped = statusNow(parts, container) === 'stopped';
  if (call.has('stats') && isStopped) throw conflict('container not running: stopped');
  if (isStopped) await container.exited; // its last figures are being read
  const kills = container.usage().memory?.events.oom_kill ?? 0;
  const isKill = !call.has('stats') && kills > (knownKills.get(connection) ?? kills);
  knownKills.set(connection, kills);
  const lines = [
    ...(isKill ? [{ type: 'oom', id: call.argument(0, 'the id') }] : []),
    ...(isStopped ? [] : [statsOf(container, call)]),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function statsOf(container: Container, call: Call): object {
  const limits = { memory: fileOf(container, 'memory.max'), pids: fileOf(container, 'pids.max') };
  return statsEvent(call.argument(0, 'the id'), container.usage(), limits);
}

function fileOf({ cgroup }: Container, file: string): string | undefined {
  try {
    return readFileSync(join(cgroup, file), 'utf8').trim();
  } catch {
    return undefined; // the host has no such controller
  }
}
