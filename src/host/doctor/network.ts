import type { Check } from '../../protocol/host.js';
import type { HostFacts } from './facts.js';
import { ok, optional, warning } from './verdict.js';

/** Checks whether containers on the bridge have a name server. */
export function checkNameServers({ nameServers }: HostFacts): Check {
  return optional(
    'name servers',
    "Bridged containers ask those of the host's resolv.conf, or those behind systemd-resolved. The host's loopback is not theirs: without others they find no names.",
    nameServers.length > 0
      ? ok(nameServers.join(', '))
      : warning(
          'none that a container reaches',
          'Name some in /etc/resolv.conf, or in network.dns.servers of each spec.',
        ),
  );
}

/** Checks whether nftables rules can count connections. */
export function checkConnectionCount({ connectionCount }: HostFacts): Check {
  return optional(
    'bound of connections',
    'Rules of nftables count the connections of each bridged container, so that none fills the table of the host (network.connectionsPerContainer).',
    connectionCount === false
      ? warning(
          'not built in: one container can fill net.netfilter.nf_conntrack_max',
          'Install a kernel with CONFIG_NFT_CONNLIMIT.',
        )
      : ok(connectionCount === null ? 'the kernel does not show its configuration' : 'built in'),
  );
}

/** Checks whether rules of nftables can hold packets in a queue. */
export function checkPacketQueue({ packetQueue }: HostFacts): Check {
  return optional(
    'packet queue',
    'Holds the requests to a service that sleeps, until an instance answers.',
    packetQueue === false
      ? warning(
          'not in this kernel: niwad itself accepts and relays the connections that wake a service, these end with niwad, and services cannot have UDP',
          'Install a kernel with CONFIG_NETFILTER_NETLINK_QUEUE and CONFIG_NFT_QUEUE, or with CONFIG_NETFILTER_XT_TARGET_NFQUEUE and CONFIG_NFT_COMPAT in place of the latter.',
        )
      : ok(packetQueue === null ? 'the kernel does not show its configuration' : 'in the kernel'),
  );
}
