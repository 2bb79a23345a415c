import type { ReadyCheck } from '../protocol/resolved-hooks.js';
import type { Service } from '../protocol/resolved-service.js';
import type { ServiceInput, TemplateInput } from '../protocol/service.js';
import { formatDuration, parseDuration } from '../protocol/units.js';
import { listenText } from './listen.js';

/**
 * Writes a service as its user could have written it, with every default in it: durations as `"30s"`, addresses as
 * `"0.0.0.0:8080"`. So two services that mean the same are written alike. What is for nobody or for everybody is left
 * out, as in the file. Pure.
 */
export function writtenService(service: Service): ServiceInput {
  const { name, owner, labels, listen, port, template, slots, minInstances, wake, drainUsec, idle } = service;
  return {
    service: name,
    ...(owner === null ? {} : { owner }),
    labels,
    listen: listen.map(listenText),
    port,
    template: template as TemplateInput,
    slots,
    minInstances,
    wake: {
      timeout: written(wake.timeoutUsec),
      queue: wake.queue,
      ...(wake.from === null ? {} : { from: wake.from }),
      backoff: { min: written(wake.backoff.minUsec), max: written(wake.backoff.maxUsec) },
    },
    drain: written(drainUsec),
    idle: { after: written(idle.afterUsec), action: idle.action },
    scale: writtenScale(service.scale),
    ...(service.live === null ? {} : { live: writtenLive(service.live) }),
  };
}

function writtenScale(scale: Service['scale']): NonNullable<ServiceInput['scale']> {
  if (scale === 'none') return scale;
  const { windowUsec, warmupUsec, settleUsec, ...shares } = scale;
  return { ...shares, window: written(windowUsec), warmup: written(warmupUsec), settle: written(settleUsec) };
}

function writtenLive({ check, everyUsec, timeoutUsec, failures }: NonNullable<Service['live']>) {
  return { ...writtenCheck(check), every: written(everyUsec), timeout: written(timeoutUsec), failures };
}

function writtenCheck(check: ReadyCheck): Pick<NonNullable<ServiceInput['live']>, 'tcp' | 'http' | 'command'> {
  if (check.type === 'tcp') return { tcp: check.port };
  if (check.type === 'command') return { command: check.args };
  const { port, path, status } = check;
  return { http: { port, path, ...(status === null ? {} : { status }) } };
}

/** Writes microseconds in the form that people use; where that would round them, as seconds. */
function written(usec: number): string {
  const short = formatDuration(usec);
  return parseDuration(short) === usec ? short : `${usec / 1e6}s`;
}
