import type { Service } from '../protocol/resolved-service.js';
import type { ServiceInput, TemplateInput } from '../protocol/service.js';
import { listenText } from './listen.js';
import { writtenCheck, writtenDuration } from './written-values.js';

/**
 * Writes a service as its user could have written it, with every default in it: durations as `"30s"`, addresses as
 * `"0.0.0.0:8080"`. So two services that mean the same are written alike. What is for nobody or for everybody is left
 * out, as in the file. Pure.
 */
export function writtenService(service: Service): ServiceInput {
  const { name, owner, labels, listen, port, template, slots, ahead, minInstances, wake, drainUsec, idle } = service;
  return {
    service: name,
    ...(owner === null ? {} : { owner }),
    labels,
    listen: listen.map(listenText),
    port,
    template: template as TemplateInput,
    slots,
    ahead,
    minInstances,
    wake: {
      timeout: writtenDuration(wake.timeoutUsec),
      queue: wake.queue,
      ...(wake.from === null ? {} : { from: wake.from }),
      backoff: { min: writtenDuration(wake.backoff.minUsec), max: writtenDuration(wake.backoff.maxUsec) },
    },
    drain: writtenDuration(drainUsec),
    idle: { after: writtenDuration(idle.afterUsec), action: idle.action },
    scale: writtenScale(service.scale),
    ...(service.live === null ? {} : { live: writtenLive(service.live) }),
  };
}

function writtenScale(scale: Service['scale']): NonNullable<ServiceInput['scale']> {
  if (scale === 'none') return scale;
  const { windowUsec, warmupUsec, settleUsec, ...shares } = scale;
  return {
    ...shares,
    window: writtenDuration(windowUsec),
    warmup: writtenDuration(warmupUsec),
    settle: writtenDuration(settleUsec),
  };
}

function writtenLive({ check, everyUsec, timeoutUsec, failures }: NonNullable<Service['live']>) {
  return { ...writtenCheck(check), every: writtenDuration(everyUsec), timeout: writtenDuration(timeoutUsec), failures };
}
