import type { ApiOptions } from './api.js';

/** Where the figures come from. */
export type MetricsSource = Pick<ApiOptions, 'runtime' | 'services' | 'metrics'>;

/**
 * Gives the metrics of the daemon, its containers and its services as Prometheus text, in pieces. The use of a
 * container is that of the sampler's newest reading.
 */
export function metricsText({ runtime, services, metrics }: MetricsSource): Promise<readonly string[]> {
  return metrics.text(() => ({
    containers: runtime.list().map((container) => {
      const { id, state, spec } = container;
      return { id, state, owner: spec.owner, oci: spec.oci, usage: () => container.meter.recentUsage() };
    }),
    services: services.list(),
  }));
}
