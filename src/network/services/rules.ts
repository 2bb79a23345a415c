import { MAX_SLOTS } from '../../protocol/service.js';
import { type Element, elementText } from '../elements.js';
import { RELAYED_MARK } from '../ruleset.js';
import type { HolderNumbers } from './holders.js';
import { FAMILIES, KINDS, type Kind, REFUSED } from './service-elements.js';

/** Writes the rules of the data path of services. Pure. docs/architecture.md explains them. */

/**
 * How many first packets of a second are held for one address, and from one source: more are dropped, and TCP sends
 * them again. As many as the greatest queue of a service has may come at once, and all of them again a second later.
 */
const BOUNDS = {
  addresses: 'rate over 2000/second burst 10000 packets',
  sources: 'rate over 500/second burst 2500 packets',
} as const;

/** What this host's kernel can do. */
export interface Abilities {
  /**
   * What holds requests to services that sleep: nft's own `queue`; a rule with the target NFQUEUE, which is to be added
   * to the chain `enqueue`; or the relay.
   */
  holder: 'queue' | 'target' | 'relay';
  /** Limits of rate in sets. */
  hasLimits: boolean;
}

export interface RulesOptions extends Abilities, HolderNumbers {
  table: string;
}

/** The name of the chain that gives packets to the queue. */
export const ENQUEUE = 'enqueue';

/**
 * Writes the rules as text for `nft -f`: an inet table. It replaces the table of this name in one step. Rules do not
 * change when a service or an instance comes or goes; only elements of sets do.
 * @param elements the elements of all services
 */
export function serviceRules(options: RulesOptions, elements: readonly Element[]): string {
  return `${removalOfServices(options.table)}table inet ${options.table} {
${setsOf(elements)}
${options.hasLimits ? floodSets() : ''}${sleeping(options)}${routing(options)}${COUNTING}${relaying(options)}}
`;
}

/** Writes the commands that remove the table. It is no error where it does not exist. */
export function removalOfServices(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}

const TYPES: Record<Kind, string> = {
  '4': 'ipv4_addr . inet_proto . inet_service',
  '4_any': 'inet_proto . inet_service',
  '6': 'ipv6_addr . inet_proto . inet_service',
  '6_any': 'inet_proto . inet_service',
};
/** The key of a packet as rules write it. */
const KEYS: Record<Kind, string> = {
  '4': 'ip daddr . meta l4proto . th dport',
  '4_any': 'meta l4proto . th dport',
  '6': 'ip6 daddr . meta l4proto . th dport',
  '6_any': 'meta l4proto . th dport',
};
/** What a rule asks first, where the key does not say the family. */
const GUARDS: Record<Kind, string> = {
  '4': '',
  '4_any': 'meta nfproto ipv4 ',
  '6': '',
  '6_any': 'meta nfproto ipv6 ',
};
const ipOf = (kind: Kind) => (kind.startsWith('4') ? 'ip' : 'ip6');
const addressOf = (kind: Kind) => (kind.startsWith('4') ? 'ipv4_addr' : 'ipv6_addr');

/** Writes a rule for each kind of address, a line each. */
function eachKind(rule: (kind: Kind) => string): string {
  return KINDS.map((kind) => `\t\t${GUARDS[kind]}${rule(kind)}\n`).join('');
}

/** Writes a rule for each kind of address, which looks for the packet's destination in a set. */
function look(set: string, then = ''): string {
  return eachKind((kind) => `${KEYS[kind]} @${set}${kind}${then === '' ? '' : ` ${then}`}`);
}

/**
 * services: every address. asleep: no instance is routed. barred: nor may one be started now. wakers: who may wake it.
 * awake: the chain that picks one of the routed instances. slots: an instance for each number that the chain may pick.
 * connections: counts the new connections. refused: counts what is refused, by the mark of the reason.
 * datagrams: counts all datagrams of clients to an instance.
 */
function setsOf(elements: readonly Element[]): string {
  const ofKinds = KINDS.flatMap((kind) => {
    const key = KEYS[kind];
    return [
      ['set', `services${kind}`, `type ${TYPES[kind]};`],
      ['set', `connections${kind}`, `type ${TYPES[kind]}; counter;`],
      ['set', `refused${kind}`, `type ${TYPES[kind]} . mark; counter;`],
      ['set', `wakers${kind}`, `type ${TYPES[kind]} . ${addressOf(kind)}; flags interval;`],
      ['set', `asleep${kind}`, `type ${TYPES[kind]};`],
      ['set', `barred${kind}`, `type ${TYPES[kind]};`],
      ['map', `awake${kind}`, `type ${TYPES[kind]} : verdict;`],
      [
        'map',
        `slots${kind}`,
        `typeof ${key} . numgen random mod ${MAX_SLOTS} : ${ipOf(kind)} daddr . th dport; counter;`,
      ],
    ];
  });
  const ofFamilies = FAMILIES.map((family) => [
    'set',
    `datagrams${family}`,
    `type ipv${family}_addr . inet_service; counter;`,
  ]);
  return [...ofKinds, ...ofFamilies]
    .map(([what, name, type]) => {
      const texts = elements.filter(({ set }) => set === name).map(elementText);
      return `\t${what} ${name} {\n\t\t${type}\n${texts.length === 0 ? '' : `\t\telements = { ${texts.join(', ')} }\n`}\t}`;
    })
    .join('\n');
}

const ipv = (version: 4 | 6) => (version === 4 ? 'ip' : 'ip6');

function floodSets(): string {
  return FAMILIES.flatMap((version) =>
    Object.keys(BOUNDS).map(
      (name) =>
        `\tset ${name}${version} {\n\t\ttype ipv${version}_addr . inet_proto . inet_service; size 65535; flags dynamic, timeout; timeout 10s;\n\t}\n`,
    ),
  ).join('');
}

/**
 * Writes a chain at the hook of packets from outside, and one at the hook of packets from the host itself. Both lead
 * the first packet of each connection to the host into the chain `name`.
 */
function atBothHooks(name: string, priority: number, extra = ''): string {
  const rules = `ct state != new accept\n\t\tmeta l4proto { tcp, udp } ${extra}fib daddr type local jump ${name}`;
  return `\tchain ${name}_in {
\t\ttype filter hook prerouting priority ${priority}; policy accept;
\t\tiifname "lo" accept
\t\t${rules}
\t}
\tchain ${name}_out {
\t\ttype filter hook output priority ${priority}; policy accept;
\t\tip6 daddr ::1 meta l4proto != tcp accept
\t\t${rules}
\t}
`;
}

/** Rules for services without a routed instance: their packets are held, or refused. */
function sleeping(options: RulesOptions): string {
  const mark = (reason: keyof typeof REFUSED) => `meta mark set ${REFUSED[reason]}`;
  const flooded = FAMILIES.flatMap((version) => [
    `\t\tupdate @addresses${version} { ${ipv(version)} daddr . meta l4proto . th dport limit ${BOUNDS.addresses} } goto flooded\n`,
    `\t\tupdate @sources${version} { ${ipv(version)} saddr . meta l4proto . th dport limit ${BOUNDS.sources} } goto flooded\n`,
  ]).join('');
  return `\tchain count_refused {
${eachKind((kind) => `${KEYS[kind]} . meta mark @refused${kind}`)}\t}
\tchain refuse {
\t\ttcp flags & rst == rst drop
\t\tjump count_refused
\t\tmeta l4proto tcp reject with tcp reset
\t\treject
\t}
\tchain flooded {
\t\t${mark('rate')}
\t\tjump count_refused
\t\tdrop
\t}
\tchain ${ENQUEUE} {
${ENQUEUE_RULES[options.holder](options)}\t}
\t# What is not queued is dropped: TCP sends it again.
\tchain ask {
${options.hasLimits ? flooded : ''}\t\tjump ${ENQUEUE}
\t\tdrop
\t}
\tchain bar {
\t\t${mark('barred')}
\t\tgoto refuse
\t}
\tchain hold {
\t\ttcp flags & (fin | syn | rst | ack) != syn goto refuse
${look('barred', 'goto bar')}${eachKind((kind) => `${KEYS[kind]} . ${ipOf(kind)} saddr @wakers${kind} goto ask`)}\t\t${mark('not-allowed')}
\t\tgoto refuse
\t}
\t# Connection tracking (-200) has made an entry that is not confirmed yet; nat (-100) comes later.
${atBothHooks('sort', -150)}\tchain sort {
${look('asleep', 'goto hold')}\t}
${options.holder === 'relay' ? '' : LET_GO}`;
}

const ENQUEUE_RULES: Record<Abilities['holder'], (options: RulesOptions) => string> = {
  queue: ({ queue }) => `\t\tqueue to ${queue}\n`,
  target: () => '',
  relay: () => '\t\tmeta l4proto tcp accept\n\t\tgoto refuse\n',
};

/** A packet that the queue lets go continues here: an instance is routed now, or the packet is refused. */
const LET_GO = `${atBothHooks('again', -149)}\tchain again {
${look('asleep', 'goto refuse')}\t}
`;

/** Rules for services with routed instances. */
function routing(options: RulesOptions): string {
  return `${Array.from({ length: MAX_SLOTS }, (_, i) => pick(i + 1)).join('')}\t# The first rules count the new connections of each service.
\tchain route {
${options.holder === 'relay' ? look('asleep', 'meta l4proto tcp goto redirected') : ''}${look('connections')}${eachKind((kind) => `${KEYS[kind]} vmap @awake${kind}`)}\t}
\tchain from_outside {
\t\ttype nat hook prerouting priority -100; policy accept;
\t\tfib daddr type local jump route
\t}
\tchain from_host {
\t\ttype nat hook output priority -100; policy accept;
\t\tip6 daddr ::1 goto loopback6
\t\tfib daddr type local jump route
\t}
\t# Neither asleep nor routed: the packet passed the chains above while the routes changed. TCP sends it again.
${atBothHooks('raced', -99, 'ct status & dnat == 0 ')}\tchain raced {
${look('services', 'drop')}\t}
`;
}

/**
 * The chains above see the first datagram of a flow alone: this one sees each of them, on its way to the instance. Only
 * what came to an address of the host was sent by a client; answers, and what the kernel itself tells the interfaces of
 * containers, did not.
 */
const COUNTING = `\tchain count_datagrams {
\t\ttype filter hook postrouting priority filter; policy accept;
\t\tmeta l4proto != udp accept
\t\tct direction reply accept
\t\tct status & dnat == 0 accept
\t\tip daddr . th dport @datagrams4
\t\tip6 daddr . th dport @datagrams6
\t}
`;

/**
 * Rules that redirect to the relay. To `::1` always: the kernel does not forward packets from the loopback by IPv6, as
 * it does by IPv4 with route_localnet.
 */
function relaying({ relayPort }: RulesOptions): string {
  const loopback = KINDS.filter((kind) => kind.startsWith('6')).map(
    (kind) => `\t\tmeta l4proto tcp ${KEYS[kind]} @services${kind} goto redirected\n`,
  );
  return `\tchain redirected {
\t\tmeta mark set ${RELAYED_MARK}
\t\tmeta l4proto tcp redirect to :${relayPort}
\t}
\tchain loopback6 {
${loopback.join('')}\t}
\t# Nobody reaches the relay but by the rules above.
\tchain to_relay {
\t\ttype filter hook input priority filter; policy accept;
\t\ttcp dport ${relayPort} ct state new ct status & dnat == 0 reject with tcp reset
\t}
`;
}

/** `numgen inc` would count for all services together: two that are asked in turns would get one instance each. */
function pick(instances: number): string {
  const rules = eachKind(
    (kind) => `dnat ${ipOf(kind)} to ${KEYS[kind]} . numgen random mod ${instances} map @slots${kind}`,
  );
  return `\tchain pick_${instances} {\n${rules}\t}\n`;
}
