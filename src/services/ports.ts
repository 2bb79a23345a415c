import type { Container } from '../engine/container.js';
import type { PortHolder } from '../protocol/services.js';
import type { RunningService } from './service.js';

/** Gives who holds which ports of the node: services by their addresses, containers by their published ports. */
export function holders(services: readonly RunningService[], containers: readonly Container[]): PortHolder[] {
  const ofServices = services.filter(({ declaration }) => !declaration.isRemoved).flatMap(portsOfService);
  const ofContainers = containers.filter(({ state }) => state !== 'exited').flatMap(portsOfContainer);
  return [...ofServices, ...ofContainers].sort((a, b) => a.port - b.port);
}

function portsOfService({ name, declaration }: RunningService): PortHolder[] {
  const { listen, port: target } = declaration.service;
  return listen.map(({ address, family, port, protocol }) => ({
    ...{ address, family, port, protocol, name, target },
    kind: 'service' as const,
  }));
}

function portsOfContainer({ id, spec }: Container): PortHolder[] {
  return (spec.network?.ports ?? []).map(({ hostAddress, host, container, protocol }) => ({
    ...{ address: hostAddress, family: familyOf(hostAddress), port: host, protocol, name: id, target: container },
    kind: 'container' as const,
  }));
}

function familyOf(address: string | null): 4 | 6 | null {
  if (address === null) return null;
  return address.includes(':') ? 6 : 4;
}
