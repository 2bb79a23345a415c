import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import type { DamagedRecord } from '../host/stored-records.js';
import type { Phase } from './decide/types.js';
import { pathOf } from './declaration.js';
import { execute } from './executor.js';
import { type Mark, ServiceInstance } from './instance.js';
import { endInstance, thawInstance } from './instances.js';
import { watchLive } from './live.js';
import type { ServiceParts } from './parts.js';
import { RunningService } from './service.js';
import { awaitAnswer } from './start.js';

/**
 * Takes over the services of the earlier niwad: their addresses, their instances, and the routes as they were. The
 * containers have to be taken over before.
 * @throws NiwaError HOST_ERROR where the declared services cannot be read
 */
export async function takeOverServices(parts: ServiceParts): Promise<RunningService[]> {
  const { whole, damaged } = await parts.store.load();
  for (const one of damaged) tellDamaged(one, parts);
  const live = liveInstances(parts);
  const services = whole.map((declaration) => new RunningService(declaration, parts, execute));
  for (const service of services) {
    adoptInstances(service, live);
    service.wantAhead();
  }
  endUnknown(live, new Set([...services, ...damaged].map(({ name }) => name)), parts);
  await Promise.all(services.map(restore));
  return services;
}

/** Continues what the earlier niwad had begun; to be called when the data path is open. */
export function goOn(service: RunningService): void {
  for (const instance of service.instances.values()) {
    const what = `instance ${instance.id} cannot be taken over`;
    if (instance.phase === 'starting') service.inBackground(what, awaitAnswer(service, instance));
    else if (instance.phase === 'ending') service.inBackground(what, endInstance(service, instance));
    else {
      if (instance.phase === 'thawing') service.inBackground(what, thawInstance(service, instance));
      watchLive(service, instance);
    }
  }
  service.decide();
  service.inBackground('it cannot be forgotten', service.parts.finish(service.name));
}

async function restore(service: RunningService): Promise<void> {
  if (service.declaration.isRemoved) return;
  await service.gate.keep(pathOf(service.declaration.service));
  await service.applyRoutes();
}

/** The instances of all services that have not ended; what was made ahead is no instance yet. */
export function liveInstances({ containers }: Pick<ServiceParts, 'containers'>): Container[] {
  return containers
    .list()
    .filter(({ state, spec, isUntaken }) => spec.service !== null && state !== 'exited' && !isUntaken);
}

/** Gives a service those of the containers that are its instances, as the earlier niwad has marked them. */
export function adoptInstances(service: RunningService, live: readonly Container[]): void {
  const marks = service.parts.marks.load(service.name);
  if (marks !== null) service.adopt(marks);
  const byId = new Map(marks?.instances.map((mark) => [mark.id, mark]));
  for (const container of live)
    if (container.spec.service?.name === service.name) adopt(service, container, byId.get(container.id));
}

/**
 * An instance without a mark, of which only the container is known, is probed as one that starts now, however long it
 * has served: it has `wake.timeout` to answer.
 */
function adopt(service: RunningService, container: Container, known: Mark | undefined): void {
  const nowUsec = service.parts.clock();
  const mark: Mark = known ?? {
    ...{ id: container.id, revision: container.spec.service?.revision ?? 0, phase: 'starting', replaces: null },
    ...{ port: service.declaration.service.port, startedUsec: nowUsec },
    ...{ readyUsec: null, routedUsec: null, unrouted: null, thawedUsec: null },
  };
  const phase = phaseNow(mark.phase, container);
  const thawedUsec = phase === 'thawing' ? nowUsec : mark.thawedUsec;
  const instance = new ServiceInstance({ ...mark, phase, thawedUsec });
  instance.takeContainer(container, Number(container.life.startedNs / 1000n));
  instance.lastBusyUsec = nowUsec;
  service.instances.set(instance.id, instance);
}

/** The phase that the state of the container allows: it may have changed while no niwad ran. */
function phaseNow(phase: Phase, { state }: Container): Phase {
  if (state === 'stopping' || state === 'created') return 'ending';
  if (state === 'paused') return 'frozen';
  return phase === 'frozen' ? 'thawing' : phase;
}

/**
 * Ends the instances of services that are not declared any more. Those of a damaged declaration serve to their
 * deadline.
 */
function endUnknown(live: readonly Container[], known: ReadonlySet<string>, { containers, log }: ServiceParts): void {
  for (const { id, spec } of live) {
    if (spec.service === null || known.has(spec.service.name)) continue;
    log.warn({ id, service: spec.service.name }, 'ends an instance of a service that is not declared any more');
    containers.stop(id, ROOT).catch((error: unknown) => log.error({ id, err: error }, 'an instance cannot be ended'));
  }
}

function tellDamaged({ name, reason, file }: DamagedRecord, { log }: ServiceParts): void {
  log.error(
    { service: name, reason, file },
    'the declaration of a service is damaged: its addresses are closed, its instances end with their lifetime; apply it again',
  );
}
