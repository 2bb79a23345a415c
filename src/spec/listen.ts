import { isIPv4, isIPv6 } from 'node:net';
import type { FieldProblem } from '../protocol/errors.js';
import type { ListenAddress } from '../protocol/resolved-service.js';
import { ipv6Number, ipv6Text } from './addresses.js';
import { show } from './problems.js';

/** The addresses at which a service is always open. Pure. */

/**
 * Parses `"ADDRESS:PORT[/udp]"`, an IPv6 address in brackets.
 * @param text of the form that the schema allows
 * @returns null where the address is none, or the port is not from 1 to 65535
 */
export function parseListen(text: string): ListenAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) return null;
  const [, ipv6, ipv4 = '', digits, protocol = 'tcp'] = match;
  const port = Number(digits);
  if (port < 1 || port > 65_535 || !(ipv6 === undefined ? isIPv4(ipv4) : isIPv6(ipv6))) return null;
  const address = ipv6 === undefined ? ipv4 : ipv6Text(ipv6Number(ipv6));
  const isAll = address === '0.0.0.0' || address === '::';
  return {
    protocol: protocol as 'tcp' | 'udp',
    family: ipv6 === undefined ? 4 : 6,
    address: isAll ? null : address,
    port,
  };
}

/** Writes an address in the form in which users write it: `0.0.0.0:8080`, `[::]:53/udp`. */
export function listenText({ protocol, family, address, port }: ListenAddress): string {
  const host = family === 4 ? (address ?? '0.0.0.0') : `[${address ?? '::'}]`;
  return `${host}:${port}${protocol === 'udp' ? '/udp' : ''}`;
}

/** Finds the problems of addresses that a schema cannot find. */
export function* listenProblems(listen: readonly string[]): Iterable<FieldProblem> {
  const seen: ListenAddress[] = [];
  for (const [i, text] of listen.entries()) {
    const problem = (allowed: string) => ({ path: `listen[${i}]`, found: show(text), allowed });
    const address = parseListen(text);
    if (address === null) yield problem('an IPv4 address, or an IPv6 address in brackets, and a port from 1 to 65535');
    else if (address.address?.startsWith('::ffff:')) yield problem('the IPv4 address itself');
    else if (seen.some((other) => overlaps(address, other)))
      yield problem('each address and port once; "0.0.0.0" and "[::]" stand for all addresses of their family');
    if (address !== null) seen.push(address);
  }
}

function overlaps(a: ListenAddress, b: ListenAddress): boolean {
  if (a.protocol !== b.protocol || a.family !== b.family || a.port !== b.port) return false;
  return a.address === null || b.address === null || a.address === b.address;
}
