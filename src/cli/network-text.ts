import { isIPv6 } from 'node:net';
import type { ContainerStatus } from '../protocol/container.js';
import type { PublishedPort } from '../protocol/resolved-spec.js';

/**
 * Gives the words that name the network of a container: the bridge and its group, `none`, or a network namespace of
 * others as the spec has it, such as `host` or `container:web`.
 */
export function networkWords({ spec, network }: Pick<ContainerStatus, 'spec' | 'network'>): string[] {
  if (spec.namespaces.network !== 'new') return [spec.namespaces.network];
  if (spec.network === null) return ['none'];
  return [network?.bridge ?? 'bridge', ...(spec.network.group === null ? [] : [spec.network.group])];
}

/** Writes a published port as Docker does: `0.0.0.0:8080->80/tcp`; `*` stands for all addresses of the host. */
export function portText({ hostAddress, host, container, protocol }: PublishedPort): string {
  const address = hostAddress === null ? '*' : isIPv6(hostAddress) ? `[${hostAddress}]` : hostAddress;
  return `${address}:${host}->${container}/${protocol}`;
}
