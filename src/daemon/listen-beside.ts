import type { Logger } from 'pino';
import { listenForMetrics } from '../api/metrics-listener.js';
import type { Runtime } from '../containers/runtime.js';
import type { Endpoint } from '../host/listening.js';
import { kernel } from '../kernel/addon.js';
import { OciServer } from '../oci/server.js';
import type { Config } from './config.js';

/**
 * Listens for metrics and for container engines, beside the API.
 * @param endpoint where the command of container engines connects
 * @returns what ends both
 * @throws KernelError if the socket cannot be made
 */
export async function listenBeside(
  { metricsListen, oci: settings }: Pick<Config, 'metricsListen' | 'oci'>,
  endpoint: Endpoint,
  parts: Parameters<typeof listenForMetrics>[1] & { runtime: Runtime },
  log: Logger,
): Promise<() => void> {
  const oci = OciServer.open({ endpoint, runtime: parts.runtime, kernel, honoured: settings.annotations, log });
  const stopMetrics = await listenForMetrics(metricsListen, parts, log);
  return () => {
    oci.close();
    stopMetrics();
  };
}
