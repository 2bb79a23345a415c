import { isDeepStrictEqual } from 'node:util';
import type { Caller } from '../../access/allowed.js';
import { requireListenPermission } from '../../access/permissions.js';
import { NiwaError } from '../../protocol/errors.js';
import type { Service } from '../../protocol/resolved-service.js';
import type { ServiceInput } from '../../protocol/service.js';
import type { ApplyAnswer } from '../../protocol/services.js';
import { asksForScaling, parseService } from '../../spec/service.js';
import { templateSpec } from '../../spec/service-template.js';
import { writtenService } from '../../spec/written-service.js';
import { type AllServices, requireOwner } from '../all.js';
import { pathOf, templateOf } from '../declaration.js';
import { differences } from '../difference.js';
import { execute } from '../executor.js';
import { RunningService } from '../service.js';
import { statusOf } from '../status.js';
import type { Declaration } from '../store.js';
import { adoptInstances, goOn, liveInstances } from '../take-over.js';
import { missingPaths, requireScaling, warningsOf } from '../warnings.js';

/**
 * How a service is applied: `dryRun` only tells what would change; `now` replaces at once the instances that serve.
 */
export interface ApplyOptions {
  dryRun: boolean;
  now: boolean;
}

/**
 * Makes a service what is wanted: creates it, changes what differs, or does nothing. The template is compiled as a
 * start would do it, so that what could never start is refused now.
 * @throws NiwaError SPEC_INVALID, FORBIDDEN, HOST_UNSUPPORTED, ADDRESS_IN_USE, NOT_FOUND, HOST_ERROR; nothing is
 * changed
 */
export async function apply(
  all: AllServices,
  caller: Caller,
  name: string,
  input: unknown,
  { dryRun, now }: ApplyOptions,
): Promise<ApplyAnswer> {
  const { parts } = all;
  parts.containers.policy.require('applyService', caller);
  const service = parseService(input);
  requireName(service, name);
  requireListenPermission(service.listen, caller, parts.allowed);
  requireScaling(asksForScaling(input as ServiceInput), parts);
  const { spec } = await parts.containers.plan(templateSpec(service, `${name}-plan`), caller);
  const found = [...warningsOf(service, spec, parts), ...(await missingPaths(spec, caller, parts))];
  const isListed = await parts.membership.has(caller);
  const { uid, gid, role } = caller;
  return await all.turns.run(async () => {
    const known = all.find(name);
    if (known !== undefined) requireOwner(known, caller);
    parts.stocks.requireRoom(caller, service.ahead, known?.stock ?? null);
    const before = known === undefined || known.declaration.isRemoved ? null : known.declaration;
    const moved = before === null || before.caller.uid === uid ? [] : [newRights(before.caller)];
    const said = { input, caller: { uid, gid, role, isListed }, imageId: spec.root.image?.id ?? null };
    const next = declare(known?.declaration ?? null, service, said);
    const changes = before === null ? [] : differences(writtenService(before.service), writtenService(service));
    const isNew = before === null || changes.length > 0 || next.revision !== before.revision;
    const result = before === null ? 'created' : isNew ? 'changed' : 'unchanged';
    const wanted = now ? { ...next, replaceBelow: next.revision } : next;
    const outdated = outdatedOf(known, wanted);
    if (dryRun) await parts.paths.requireFree(pathOf(service));
    else if (isNew || now || !isDeepStrictEqual(next.caller, before?.caller)) await enforce(all, known, wanted);
    const warnings = [...moved, ...found];
    if (!dryRun) tellApplied(all, { name, result, changes, warnings, moved });
    const { revision } = next;
    return { name, result, revision, changes, outdated, warnings, dry_run: dryRun };
  });
}

/** Makes a service what is declared; where that fails, all is as before. */
async function enforce(all: AllServices, known: RunningService | undefined, next: Declaration): Promise<void> {
  const service = known ?? new RunningService(next, all.parts, execute);
  try {
    await declareAndSave(all, service, known, next);
  } catch (error) {
    if (known === undefined) await all.parts.stocks.remove(service.stock);
    throw error;
  }
  service.change(next);
  all.add(service);
  if (known !== undefined || next.caller.uid !== 0) return;
  // the declaration was damaged: its instances serve on. They may be of another user, so only root gets them
  adoptInstances(service, liveInstances(all.parts));
  goOn(service);
}

/** Opens the addresses, then writes the declaration; where that fails, the addresses are as before. */
async function declareAndSave(
  { parts }: AllServices,
  { gate }: RunningService,
  known: RunningService | undefined,
  next: Declaration,
): Promise<void> {
  const before = known === undefined || known.declaration.isRemoved ? null : pathOf(known.declaration.service);
  const path = pathOf(next.service);
  if (!isDeepStrictEqual(before, path)) await gate.declare(path);
  try {
    parts.store.save(next);
  } catch (error) {
    await (before === null ? gate.withdraw() : gate.declare(before));
    throw error;
  }
}

/** What root is told who applies the service of a user. */
function newRights({ uid }: Caller): string {
  return `user ${uid} has applied it before: from now on it has the rights of root, and user ${uid} may not change it any more`;
}

interface Applied extends Pick<ApplyAnswer, 'name' | 'result' | 'changes' | 'warnings'> {
  /** The warning that other rights come with it. */
  moved: string[];
}

function tellApplied(all: AllServices, { name, result, changes, warnings, moved }: Applied): void {
  const service = all.get(name);
  service.warnings = warnings;
  const fields = changes.map(({ path }) => path).join(', ');
  const { revision } = service.declaration;
  if (result !== 'unchanged')
    service.note('apply', null, `${result}${fields === '' ? '' : ` (${fields})`}: revision ${revision}`);
  for (const why of moved) service.note('apply', null, why);
  service.decide();
}

/** The instances of an earlier revision, and whether they are replaced at once. */
function outdatedOf(
  known: RunningService | undefined,
  { revision, replaceBelow }: Declaration,
): ApplyAnswer['outdated'] {
  const instances = known === undefined ? [] : statusOf(known).instances;
  return instances
    .filter((one) => one.revision < revision && one.phase !== 'ending')
    .map((one) => {
      const { id, phase, deadline_at } = one;
      return { id, phase, revision: one.revision, deadline_at, replaced_now: one.revision < replaceBelow };
    });
}

function declare(
  before: Declaration | null,
  service: Service,
  { input, caller, imageId }: Pick<Declaration, 'input' | 'caller' | 'imageId'>,
): Declaration {
  const appliedAt = new Date().toISOString();
  const said = { service, input, caller, imageId, appliedAt, isRemoved: false };
  if (before === null) return { ...said, createdAt: appliedAt, revision: 1, replaceBelow: 0, hold: null };
  const { createdAt, revision, replaceBelow, hold } = before;
  const isSame = before.imageId === imageId && isDeepStrictEqual(templateOf(before.service), templateOf(service));
  return {
    ...said,
    createdAt: before.isRemoved ? appliedAt : createdAt,
    revision: isSame ? revision : revision + 1,
    replaceBelow,
    hold: before.isRemoved || hold === null ? null : Math.min(hold, service.slots),
  };
}

function requireName(service: Service, name: string): void {
  if (service.name !== name)
    throw new NiwaError('SPEC_INVALID', `the input is service ${service.name}, the request is for ${name}`, {
      details: { problems: [{ path: 'service', found: JSON.stringify(service.name), allowed: JSON.stringify(name) }] },
    });
}
