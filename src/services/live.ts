import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../engine/container.js';
import type { Check } from '../hooks/readiness.js';
import type { Live } from '../protocol/resolved-service.js';
import type { ServiceInstance } from './instance.js';
import type { RunningService } from './service.js';

/**
 * Asks an instance at an interval whether it still answers, until its end. So many failures in a row as the service
 * allows make it sick; an answer makes it well again. One that is frozen is not asked.
 */
export function watchLive(service: RunningService, instance: ServiceInstance): void {
  const { live } = service.declaration.service;
  const { container } = instance;
  if (live === null || container === null) return;
  service.inBackground(
    `instance ${instance.id} cannot be asked whether it answers`,
    watch(service, instance, container, live),
  );
}

async function watch(
  service: RunningService,
  instance: ServiceInstance,
  container: Container,
  { check, everyUsec, timeoutUsec, failures }: Live,
): Promise<void> {
  const { signal } = instance.over;
  const ask = service.parts.containers.checkOf(container, check);
  for (let failed = 0; !signal.aborted; ) {
    await sleep(everyUsec / 1000, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    if (instance.phase === 'frozen') continue;
    const answers = await askOnce(ask, signal, timeoutUsec / 1000);
    failed = answers ? 0 : failed + 1;
    const isHealthy = failed < failures;
    if (isHealthy === instance.isHealthy || signal.aborted) continue;
    instance.isHealthy = isHealthy;
    service.decide();
  }
}

/** One try. AbortSignal.any() would keep something of each try for as long as the instance lives (Node.js 20). */
async function askOnce(ask: Check, instanceOver: AbortSignal, timeoutMs: number): Promise<boolean> {
  const over = new AbortController();
  const end = () => over.abort();
  const late = setTimeout(end, timeoutMs);
  instanceOver.addEventListener('abort', end, { once: true });
  try {
    return await ask(over.signal).catch(() => false);
  } finally {
    clearTimeout(late);
    instanceOver.removeEventListener('abort', end);
  }
}
