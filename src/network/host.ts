import { type ExecFileException, execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import { toHostError } from '../host/errors.js';
import { hostResolvConf } from '../host/resolv-conf.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { ListenAddress } from '../protocol/resolved-service.js';
import type { PublishedPort, Spec } from '../protocol/resolved-spec.js';
import { ipv4Number, ipv6Number, ipv6Text, sizeOf } from '../spec/addresses.js';
import { HOST_GATEWAY } from '../spec/network.js';
import { invalid, show } from '../spec/problems.js';
import type { Element } from './elements.js';
import { dnsOf } from './files.js';
import { type NetworkSettings, type Segment, segmentOf } from './lease.js';
import { ruleset } from './ruleset.js';
import { listenText } from './services/addresses.js';

/** Reads and changes the network of this machine: the network namespace of niwad, never that of a container. */

const SETTINGS = '/proc/sys/net';

/** Says whether the kernel has IPv6. */
function hasIpv6(): boolean {
  return existsSync(`${SETTINGS}/ipv6/conf/all`);
}

/** Gives a name for this machine: its machine-id; where it has none, its host name. */
function nodeName(): string {
  return readOr('/etc/machine-id', readOr('/proc/sys/kernel/hostname', '')).trim();
}

/** Gives the segment that a niwad with these settings has on this machine. */
export function segmentHere(settings: NetworkSettings): Segment {
  return segmentOf(settings, nodeName(), hasIpv6());
}

/** Gives the names of all network interfaces. */
export function interfaceNames(): string[] {
  return readOr('/proc/self/net/dev', '')
    .split('\n')
    .map((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? '')
    .filter((name) => name !== '');
}

/** Gives the IPv4 and IPv6 addresses of this host, also those of interfaces that are down or have no carrier. */
export function ownAddresses(): string[] {
  const ipv6 = readOr('/proc/self/net/if_inet6', '').matchAll(/^([0-9a-f]{32}) /gm);
  return [...ipv4Addresses('self'), ...[...ipv6].map(([, digits]) => ipv6Text(BigInt(`0x${digits}`)))];
}

/**
 * Gives the IPv4 addresses in the network namespace of a process; none where that is the host's namespace, or the
 * process has gone.
 */
export function addressesInside(pid: number): string[] {
  try {
    const [inside, ours] = [pid, 'self'].map((process) => readlinkSync(`/proc/${process}/ns/net`));
    return inside === ours ? [] : ipv4Addresses(pid);
  } catch {
    return [];
  }
}

function ipv4Addresses(process: number | 'self'): string[] {
  const found = readOr(`/proc/${process}/net/fib_trie`, '').matchAll(/-- ([0-9.]+)\n[^\n]*host LOCAL/g);
  return [...found].map(([, address = '']) => address);
}

/**
 * Refuses a segment whose bridge is still to be made, if the host has an address in its subnets already: with two
 * interfaces in one subnet, the kernel would send packets for the one to the other.
 * @throws NiwaError HOST_ERROR
 */
export function requireFreeSubnet({ subnet, subnetText, subnet6 }: Segment): void {
  const taken = ownAddresses().find((address) =>
    isIPv6(address)
      ? subnet6 !== null && ipv6Number(address) >> 64n === subnet6 >> 64n
      : Math.floor((ipv4Number(address) - subnet.base) / sizeOf(subnet)) === 0,
  );
  if (taken === undefined) return;
  const [name, text] = isIPv6(taken) ? ['subnet6', `${ipv6Text(subnet6 ?? 0n)}/64`] : ['subnet', subnetText];
  throw new NiwaError(
    'HOST_ERROR',
    `this host has the address ${taken} of ${text} already (another network, or another niwad): name another network.${name} in niwad's configuration`,
  );
}

/**
 * Fills in what a spec leaves to the host: the name servers, if it names none (those of this host which a container of
 * the segment reaches; the list is empty where the host has none), and the address of the host on the bridge.
 */
export function resolveNames(spec: Spec, { subnet6, gateway }: Segment): Spec {
  const { network } = spec;
  if (network === null) return spec;
  const hasIpv6 = subnet6 !== null;
  const dns = dnsOf(network.dns, hostResolvConf(hasIpv6), hasIpv6);
  const hosts = Object.entries(network.hosts).map(([name, address]) => [
    name,
    address === HOST_GATEWAY ? gateway : address,
  ]);
  return { ...spec, network: { ...network, dns, hosts: Object.fromEntries(hosts) } };
}

/**
 * Runs nft on a text of rules. Either all of the rules take effect, or none.
 * @param purpose what the host cannot have without these rules
 * @throws NiwaError HOST_UNSUPPORTED where nft is missing or the kernel refuses the rules, HOST_ERROR where nft cannot
 * be run now
 */
export async function applyRules(text: string, purpose = 'bridged containers'): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const nft = execFile('nft', ['-f', '-'], (error, _, stderr) =>
        error === null ? resolve() : reject(failureOf(error, stderr.trim())),
      );
      nft.stdin?.on('error', () => {}).end(text);
    });
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    // the host had no process, memory or descriptor left for nft
    const failed = error instanceof NiwaError ? error : isMissing ? null : toHostError(error);
    if (failed !== null) throw failed;
    const cure = isMissing
      ? 'the program nft is missing: install the package nftables'
      : `nft says: ${messageOf(error)}. The kernel needs nf_tables with nat, fib, reject and bridge tables.`;
    throw new NiwaError('HOST_UNSUPPORTED', `this host cannot have ${purpose}: ${cure}`, { cause: error });
  }
}

/** What strerror(3) says where the kernel had no memory, or no time, for the rules. */
const PASSING = /Cannot allocate memory|No buffer space available|Resource temporarily unavailable|Interrupted system/;

/** Gives the error of a run of nft: a HOST_ERROR where another run may do better. */
function failureOf(error: ExecFileException, stderr: string): Error {
  const said = stderr === '' ? error.message : stderr;
  if (error.signal) return new NiwaError('HOST_ERROR', `nft was ended by ${error.signal}`, { cause: error });
  if (PASSING.test(stderr)) return new NiwaError('HOST_ERROR', `the host failed: nft says: ${said}`, { cause: error });
  return stderr === '' ? error : new Error(stderr);
}

/**
 * Loads the rules of a segment. Where the kernel cannot count connections, rules without a limit of connections are
 * loaded, and a warning is logged.
 * @throws NiwaError as {@link applyRules}
 */
export async function applyRuleset(segment: Segment, elements: readonly Element[], log: Logger): Promise<void> {
  try {
    await applyRules(ruleset(segment, elements));
  } catch (error) {
    if (segment.connectionsPerContainer === 0) throw error;
    await applyRules(ruleset({ ...segment, connectionsPerContainer: 0 }, elements));
    log.warn(
      { reason: messageOf(error) },
      'this kernel cannot count the connections of a container (CONFIG_NFT_CONNLIMIT): network.connectionsPerContainer does not bound them',
    );
  }
}

/**
 * Turns on the forwarding of packets, and for the bridge route_localnet, by which the host reaches published ports on
 * its loopback addresses. The settings of the whole host stay on when niwad ends. With IPv6 forwarding, the kernel
 * ignores router advertisements; so interfaces that use them get accept_ra 2, and keep their routes.
 * @throws NiwaError HOST_UNSUPPORTED
 */
export function enableForwarding({ bridge, subnet6 }: Segment, log: Logger): void {
  try {
    set(`ipv4/conf/${bridge}/route_localnet`, '1');
    if (read('ipv4/ip_forward') !== '1') {
      set('ipv4/ip_forward', '1');
      log.warn('net.ipv4.ip_forward is on now: this host passes on what its firewall lets through');
    }
    if (subnet6 === null || read('ipv6/conf/all/forwarding') === '1') return;
    for (const name of readdirSync(`${SETTINGS}/ipv6/conf`))
      if (read(`ipv6/conf/${name}/accept_ra`) === '1') set(`ipv6/conf/${name}/accept_ra`, '2');
    set('ipv6/conf/all/forwarding', '1');
    log.warn('net.ipv6.conf.all.forwarding is on now: this host passes on what its firewall lets through');
  } catch (error) {
    throw new NiwaError('HOST_UNSUPPORTED', `cannot turn on forwarding for containers: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Refuses to publish a port on which a program of the host listens already.
 * @throws NiwaError ADDRESS_IN_USE; SPEC_INVALID where the host does not have the address
 */
export async function requireFreePort(port: PublishedPort): Promise<void> {
  const hosts = port.hostAddress === null ? ['0.0.0.0', '::'] : [port.hostAddress];
  for (const host of hosts) {
    const code = await tryToListen(port.protocol, host, port.host);
    const place = `${port.hostAddress === null ? '' : `${port.hostAddress}:`}${port.host}/${port.protocol}`;
    if (code === 'EADDRINUSE')
      throw new NiwaError('ADDRESS_IN_USE', `something on this host listens on ${place}: publish another port`);
    if (code === 'EADDRNOTAVAIL' && port.hostAddress !== null)
      throw new NiwaError('SPEC_INVALID', `cannot publish ${place}: this host has no address ${port.hostAddress}`);
  }
}

/**
 * Refuses an address of a service on which a program of the host listens already.
 * @throws NiwaError ADDRESS_IN_USE; SPEC_INVALID where the host does not have the address
 */
export async function requireFreeAddress(listen: ListenAddress): Promise<void> {
  const { protocol, family, address, port } = listen;
  const code = await tryToListen(protocol, address ?? (family === 4 ? '0.0.0.0' : '::'), port);
  if (code === 'EADDRINUSE')
    throw new NiwaError(
      'ADDRESS_IN_USE',
      `a program of this host listens on ${listenText(listen)}: take another port (\`ss -lntup\` names the program)`,
    );
  if (code === 'EADDRNOTAVAIL' && address !== null)
    throw invalid('the service', [
      { path: 'listen', found: show(listenText(listen)), allowed: 'addresses of this host' },
    ]);
}

/** Tries to bind a socket to a port; gives the name of the errno, undefined where the kernel allowed it. */
async function tryToListen(protocol: 'tcp' | 'udp', host: string, port: number): Promise<string | undefined> {
  try {
    if (protocol === 'tcp') {
      const server = createServer().listen({ host, port, ipv6Only: true, exclusive: true });
      await once(server, 'listening');
      await new Promise((resolve) => server.close(resolve));
    } else {
      const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host) });
      const bound = once(socket, 'listening');
      socket.bind({ address: host, port, exclusive: true });
      await bound.finally(() => socket.close());
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

/** Says whether the kernel applies the rules for IPv6 to packets that a bridge passes on (br_netfilter). */
export function filtersBridgedIpv6(): boolean {
  return readOr(`${SETTINGS}/bridge/bridge-nf-call-ip6tables`, '0').trim() !== '0';
}

function set(name: string, value: string): void {
  writeFileSync(`${SETTINGS}/${name}`, value);
}

function read(name: string): string {
  return readFileSync(`${SETTINGS}/${name}`, 'utf8').trim();
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
