import type { Logger } from 'pino';
import { listenForMetrics } from '../api/metrics-listener.js';
import type { Runtime } from '../containers/runtime.js';
import { kernel } from '../kernel/addon.js';
import { OciServer } from '../oci/server.js';
import type { Config } from './config.js';

/**
 * Listens for metrics and for container engines, beside the API.
 * @param socket the path for the command of container engines
 * @returns what ends both
 * @throws KernelError if the socket cannot be made
 */
export function listenBeside(
  { metricsListen, oci: settings }: Pick<Config, 'metricsListen' | 'oci'>,
  socket: string,
  parts: Parameters<typeof listenForMetrics>[1] & { runtime: Runtime },
  log: Logger,
): () => void {
  const oci = OciServer.open({ socket, runtime: parts.runtime, kernel, honoured: settings.annotations, log });
  const stopMetrics = listenForMetrics(metricsListen, parts, log);
  return () => {
    oci.close();
    stopMetrics();
  };
}
