import { isDeepStrictEqual } from 'node:util';
import type { Caller } from '../../access/allowed.js';
import { requireListenPermission } from '../../access/permissions.js';
import { NiwaError } from '../../protocol/errors.js';
import type { Service } from '../../protocol/resolved-service.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import type { ServiceInput } from '../../protocol/service.js';
import type { ApplyAnswer } from '../../protocol/services.js';
import { asksForScaling, parseService } from '../../spec/service.js';
import { templateSpec } from '../../spec/service-template.js';
import { type AllServices, requireOwner } from '../all.js';
import { pathOf, templateOf } from '../declaration.js';
import { differences } from '../difference.js';
import { execute } from '../executor.js';
import { RunningService } from '../service.js';
import type { Declaration } from '../store.js';

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
  const { spec } = await parts.containers.plan(templateSpec(service, `${name}-plan`), caller);
  const warnings = warningsOf(service, input as ServiceInput, spec, parts);
  return await all.turns.run(async () => {
    const known = all.find(name);
    if (known !== undefined) requireOwner(known, caller);
    const before = known === undefined || known.declaration.isRemoved ? null : known.declaration;
    const next = declare(known?.declaration ?? null, service, { input, caller, imageId: spec.root.image?.id ?? null });
    const changes = differences(before?.service ?? null, service);
    const isNew = before === null || changes.length > 0 || next.revision !== before.revision;
    const result = before === null ? 'created' : isNew ? 'changed' : 'unchanged';
    const wanted = now ? { ...next, replaceBelow: next.revision } : next;
    if (!dryRun && (isNew || now || caller.uid !== before?.caller.uid)) await enforce(all, known, wanted);
    if (!dryRun) tellApplied(all, name, result, changes.length, warnings);
    const { revision } = next;
    return { name, result, revision, changes: before === null ? [] : changes, warnings, dry_run: dryRun };
  });
}

/** Opens the addresses, then writes the declaration; where that fails, the addresses are as before. */
async function enforce(all: AllServices, known: RunningService | undefined, next: Declaration): Promise<void> {
  const service = known ?? new RunningService(next, all.parts, execute);
  const before = known === undefined || known.declaration.isRemoved ? null : pathOf(known.declaration.service);
  const path = pathOf(next.service);
  if (!isDeepStrictEqual(before, path)) await service.gate.declare(path);
  try {
    all.parts.store.save(next);
  } catch (error) {
    await (before === null ? service.gate.withdraw() : service.gate.declare(before));
    throw error;
  }
  service.change(next);
  all.add(service);
}

function tellApplied(all: AllServices, name: string, result: string, changed: number, warnings: string[]): void {
  const service = all.get(name);
  service.warnings = warnings;
  const fields = changed === 1 ? ' 1 field,' : ` ${changed} fields,`;
  const { revision } = service.declaration;
  if (result !== 'unchanged')
    service.note('apply', null, `${result}:${result === 'created' ? '' : fields} revision ${revision}`);
  service.decide();
}

function declare(
  before: Declaration | null,
  service: Service,
  { input, caller, imageId }: Pick<Declaration, 'input' | 'caller' | 'imageId'>,
): Declaration {
  const appliedAt = new Date().toISOString();
  const { uid, gid, role } = caller;
  const said = { service, input, caller: { uid, gid, role }, imageId, appliedAt, isRemoved: false };
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

/** @throws NiwaError HOST_UNSUPPORTED where scaling is asked for, and the host cannot measure it */
function warningsOf(
  service: Service,
  input: ServiceInput,
  { resources }: Spec,
  { hasCpuController, memoryBytes }: AllServices['parts'],
): string[] {
  const warnings: string[] = [];
  if (!hasCpuController && asksForScaling(input))
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      'this host has no cpu controller, so niwa cannot see throttled time: leave "scale" out, or write "scale: none"',
    );
  if (!hasCpuController && service.scale !== 'none' && service.slots > 1)
    warnings.push('this host has no cpu controller: load starts no further instances; `niwa service scale` does');
  if (service.scale !== 'none' && service.slots > 1 && hasCpuController && typeof resources.cpu.max !== 'number')
    warnings.push('the template has no cpu.max: nothing is throttled, so load starts no further instances');
  const { maxBytes } = resources.memory;
  if (typeof maxBytes === 'number' && service.slots * maxBytes > memoryBytes)
    warnings.push(
      `${service.slots} slots of ${maxBytes} bytes (memory.max) are more than the ${memoryBytes} bytes of this node`,
    );
  return warnings;
}
