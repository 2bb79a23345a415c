import { countAfterUnrouting } from './connections.js';
import type { Phase, RefuseCause, Step } from './decide/types.js';
import type { ServiceInstance } from './instance.js';
import { endInstance, freezeInstance, thawInstance } from './instances.js';
import type { Begun, Execute, RunningService } from './service.js';
import { startInstance } from './start.js';

type Of<K extends Step['do']> = Extract<Step, { do: K }>;
type Executors = { [K in Step['do']]: (service: RunningService, step: Of<K>) => Begun | null };

/**
 * For each kind of step the function that begins it. It changes the phase at once, so that the next decision knows of
 * it; what takes time goes on behind it, and tells the service when it is over. A step that is under way, or for which
 * the instance has gone, does nothing: null is given then.
 */
const EXECUTORS: Executors = {
  start: (service, { replaces }) => {
    const place = service.stock.take();
    const instance = service.add(place.id, replaces);
    service.inBackground(`instance ${instance.id} cannot be started`, startInstance(service, instance, place));
    return { instance: instance.id };
  },
  route: (service, { id }) =>
    change(service, id, 'routed', (instance) => {
      instance.becomeRouted(service.parts.clock());
      if (instance.mark.replaces !== null) service.replacements++;
    }),
  unroute: (service, { id, cause }) =>
    change(service, id, 'unrouted', (instance) => {
      instance.becomeUnrouted(cause, service.parts.clock());
      service.inBackground(`the connections of ${id} cannot be counted`, countAfterUnrouting(service, instance));
    }),
  freeze: (service, { id }) =>
    change(service, id, 'frozen', (instance) => {
      instance.becomeFrozen(service.parts.clock());
      service.inBackground(`instance ${id} cannot be frozen`, freezeInstance(service, instance));
    }),
  thaw: (service, { id }) =>
    change(service, id, 'thawing', (instance) => {
      instance.becomeThawing(service.parts.clock());
      service.inBackground(`instance ${id} cannot be thawed`, thawInstance(service, instance));
    }),
  end: (service, { id, cause, why }) =>
    change(service, id, 'ending', (instance) => {
      service.starts.end(cause, why, instance.mark.readyUsec, service.parts.clock());
      instance.becomeEnding();
      service.inBackground(`instance ${id} cannot be ended`, endInstance(service, instance));
    }),
  refuse: (service, { cause, why }) => {
    const { gate, wakes } = service;
    const isNew = gate.refusing !== cause;
    if (!isNew && wakes.waiting === null) return null;
    wakes.refuse(cause, why + whyNot(service, cause));
    service.inBackground('requests cannot be refused', gate.refuse(cause));
    return isNew ? { instance: null } : null;
  },
  accept: (service) => {
    const { gate } = service;
    if (gate.refusing === null) return null;
    service.inBackground('requests cannot be accepted', gate.accept());
    return { instance: null };
  },
  warn: (service, { why }) => {
    service.parts.log.warn({ service: service.name }, why);
    return { instance: null };
  },
};

/** Begins a step by the table. */
export const execute: Execute = (service, step) => (EXECUTORS[step.do] as Execute)(service, step);

/** What keeps a service from serving, for the end of a sentence about a refusal. */
function whyNot({ instances, starts }: RunningService, cause: RefuseCause): string {
  if (cause !== 'timeout' && cause !== 'backoff' && cause !== 'start-failed') return '';
  const starting = [...instances.values()].find(({ phase }) => phase === 'starting');
  if (starting?.missing) return `; instance ${starting.id}: ${starting.missing}`;
  const { last, failures } = starts;
  return last === null || failures.count === 0 ? '' : `; the last failure: ${last.message}`;
}

function change(
  service: RunningService,
  id: string,
  phase: Phase,
  act: (instance: ServiceInstance) => void,
): Begun | null {
  const instance = service.instances.get(id);
  if (instance === undefined || instance.phase === phase || !instance.mayBecome(phase)) return null;
  act(instance);
  service.touch();
  return { instance: id };
}
