import type { Argv } from 'yargs';
import type { SpecInput } from '../../protocol/spec.js';
import type { Common } from '../command.js';
import { wrong } from '../values.js';
import { type OptionsOf, text, texts } from './declare.js';
import { appended, merged } from './fields.js';

/** The flags of the network, in the form of yargs. */
export type NetworkOptions = OptionsOf<typeof withNetwork>;

/** Declares the flags of the network. */
export function withNetwork<O extends Common>(yargs: Argv<O>) {
  const port =
    '[[ADDRESS:][HOST_PORT]:]PORT[/udp]: forward a port of the host, a free one unless it is named; sets --network bridge';
  const network = 'none (only a loopback device), bridge, host, container:ID, or the path of a network namespace';
  return yargs
    .option('network', text(network))
    .option('publish', { alias: 'p', ...texts(port) })
    .option('network-group', text('containers of the same group reach each other over the bridge'))
    .option('ip', text('the IPv4 address on the bridge (default: a free one)'))
    .option('add-host', texts('NAME:ADDRESS for /etc/hosts; NAME:host-gateway for the host'))
    .option('dns', texts('the address of a name server (default: those of the host)'))
    .option('dns-search', texts('a domain in which names are looked up'))
    .option('dns-option', { alias: 'dns-opt', ...texts('an option of resolv.conf(5)') })
    .option('rate-in', text('the most bytes per second that the container receives over the bridge, such as 10M'))
    .option('rate-out', text('the most bytes per second that the container sends over the bridge'));
}

/** Gives the value of `namespaces.network`. @throws NiwaError SPEC_INVALID */
export function toNetwork(network: string | undefined): string | undefined {
  if (network === undefined || network === 'host' || /^(\/|container:)/.test(network)) return network;
  if (network === 'none' || network === 'bridge') return 'new';
  return wrong('--network', network, 'none, bridge, host, container:ID, or the path of a network namespace');
}

/** Makes the network. A flag that only makes sense on the bridge puts the container on the bridge. */
export function bridged(base: SpecInput['network'], options: NetworkOptions): SpecInput['network'] {
  if (options.network !== undefined && options.network !== 'bridge') base = undefined;
  const { publish = [], networkGroup, rateIn, rateOut } = options;
  return merged(base, {
    mode: options.network === 'bridge' ? 'bridge' : undefined,
    address: options.ip,
    ports: appended(base?.ports, publish.flatMap(toPorts)),
    group: networkGroup,
    rate: merged(base?.rate, { in: rateIn, out: rateOut }),
    dns: merged(base?.dns, {
      servers: options.dns,
      search: options.dnsSearch,
      options: options.dnsOption,
    }),
    hosts: merged(base?.hosts, toHosts(options.addHost)),
  });
}

/** The most ports of one range: a spec has at most 1000. */
const MOST_PORTS = 1000;

/**
 * Gives the published ports of one `--publish`: a range is written out, `8000-8002:80-82` as three ports. All else is
 * left for niwad.
 * @throws NiwaError SPEC_INVALID for a range that is none
 */
function toPorts(value: string): string[] {
  const [, address = '', from, to, start, end, protocol = ''] =
    /^(.*:)?(?:([0-9]{1,5})-([0-9]{1,5}):)([0-9]{1,5})-([0-9]{1,5})(\/[a-z]+)?$/.exec(value) ?? [];
  if (from === undefined) return [value];
  const count = Number(to) - Number(from) + 1;
  if (count < 1 || count > MOST_PORTS || count !== Number(end) - Number(start) + 1)
    return wrong('--publish', value, `two ranges of the same length, of at most ${MOST_PORTS} ports`);
  return Array.from({ length: count }, (_, i) => `${address}${Number(from) + i}:${Number(start) + i}${protocol}`);
}

/** Reads NAME:ADDRESS, also NAME=ADDRESS. An IPv6 address may be in brackets. */
function toHosts(values: string[] = []): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const [, name, address] = /^([^:=]+)[:=]\[?([^[\]]+)\]?$/.exec(value) ?? [];
      return name === undefined || address === undefined
        ? wrong('--add-host', value, 'NAME:ADDRESS, such as db:10.0.0.5, or NAME:host-gateway')
        : [name, address];
    }),
  );
}
