import { describe, expect, it } from 'vitest';
import { elementText, encodeElement } from '../../../src/network/elements.js';
import { ServiceAddresses } from '../../../src/network/services/addresses.js';
import { wakeSteps } from '../../../src/network/services/declared.js';
import { serviceRules } from '../../../src/network/services/rules.js';
import {
  changesOf,
  elementsOfService,
  KINDS,
  type PathState,
  placeInSlots,
  rangeOf,
} from '../../../src/network/services/service-elements.js';
import { Tally, toReading } from '../../../src/network/services/tally.js';
import type { Destination } from '../../../src/network/services/types.js';
import type { ListenAddress } from '../../../src/protocol/resolved-service.js';
import { MAX_SLOTS } from '../../../src/protocol/service.js';

const tcp4: ListenAddress = { protocol: 'tcp', family: 4, address: null, port: 80 };
const tcp6: ListenAddress = { ...tcp4, family: 6 };
const udp4: ListenAddress = { protocol: 'udp', family: 4, address: '192.0.2.1', port: 53 };
const instance = (n: number): Destination => ({
  id: `i${n}`,
  address: `10.0.0.${n}`,
  address6: `fd00::${n}`,
  port: 8080,
});
const [a, b, c, d] = [1, 2, 3, 4].map(instance) as [Destination, Destination, Destination, Destination];

function stateOf(listen: ListenAddress[], more: Partial<PathState> = {}, from: string[] | null = null): PathState {
  return { path: { name: 'shop', listen, from, queue: 10 }, slots: [], unrouted: [], isBarred: false, ...more };
}
const wordsOf = (changes: ReturnType<typeof changesOf>) =>
  changes.map(({ element, add }) => `${add ? '+' : '-'} ${elementText(element)}`);
const texts = (state: PathState) => elementsOfService(state).map((one) => `${one.set}: ${elementText(one)}`);

describe('the elements of a service', () => {
  it('let it sleep without a routed instance', () => {
    expect(texts(stateOf([tcp4]))).toEqual([
      'services4_any: tcp . 80',
      'connections4_any: tcp . 80',
      'refused4_any: tcp . 80 . 1',
      'refused4_any: tcp . 80 . 2',
      'refused4_any: tcp . 80 . 3',
      'wakers4_any: tcp . 80 . 0.0.0.0/0',
      'asleep4_any: tcp . 80',
    ]);
    expect(texts(stateOf([udp4], { isBarred: true })).slice(-2)).toEqual([
      'asleep4: 192.0.2.1 . udp . 53',
      'barred4: 192.0.2.1 . udp . 53',
    ]);
  });

  it('have an instance in each slot, of the family of each address', () => {
    const slots = [a, { ...b, address6: null }];
    const found = texts(stateOf([tcp4, tcp6], { slots, isBarred: true }));
    expect(found).toEqual(
      expect.arrayContaining([
        'awake4_any: tcp . 80 : goto pick_2',
        'slots4_any: tcp . 80 . 0 : 10.0.0.1 . 8080',
        'slots4_any: tcp . 80 . 1 : 10.0.0.2 . 8080',
        'awake6_any: tcp . 80 : goto pick_1',
        'slots6_any: tcp . 80 . 0 : fd00::1 . 8080',
      ]),
    );
    expect(found.filter((text) => /asleep|barred/.test(text))).toEqual([]);
  });

  it('let only the wanted subnets wake it, each once', () => {
    const from = ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8', '192.0.2.7', 'fd00::/8'];
    expect(texts(stateOf([tcp4, tcp6], {}, from)).filter((text) => text.startsWith('wakers'))).toEqual([
      'wakers4_any: tcp . 80 . 10.0.0.0/8',
      'wakers4_any: tcp . 80 . 192.0.2.7/32',
      'wakers6_any: tcp . 80 . fd00::/8',
    ]);
  });

  it('are bytes for the kernel: intervals by their ends, verdicts by the chain', () => {
    const [waker, awake] = ['wakers4_any', 'awake4_any'].map((set) =>
      elementsOfService(stateOf([tcp4], { slots: [a] }, ['10.0.0.0/8'])).find((one) => one.set === set),
    );
    const head = [6, 0, 0, 0, 0, 80, 0, 0];
    const encoded = encodeElement('t', waker ?? expect.fail());
    expect([...encoded.key]).toEqual([...head, 10, 0, 0, 0]);
    expect([...(encoded.keyEnd ?? [])]).toEqual([...head, 10, 255, 255, 255]);
    expect(encodeElement('t', awake ?? expect.fail())).toMatchObject({ key: Buffer.from(head), chain: 'pick_1' });
  });
});

describe('many subnets that may wake a service', () => {
  const from = Array.from({ length: 256 }, (_, i) => `10.${i}.0.0/16`);
  const listen = Array.from({ length: 64 }, (_, i) => ({ ...tcp4, port: 80 + i }));

  it('are not looked at when its routes change', () => {
    const { path } = stateOf(listen, {}, from);
    let looks = 0;
    const watched = new Proxy(path, {
      get: (target, name) => {
        if (name === 'from') looks++;
        return Reflect.get(target, name);
      },
    });
    const asleep = { path: watched, slots: [], unrouted: [], isBarred: false };
    const changes = changesOf(asleep, { ...asleep, slots: [a] });
    expect(looks).toBe(0);
    expect(changes.length).toBe(3 * listen.length); // asleep, awake, and a slot
  });

  it('cost milliseconds when it is declared', () => {
    const within = from.flatMap((subnet) => [subnet, subnet.replace('0.0/16', '128.0/17')]);
    const began = performance.now();
    const elements = elementsOfService(stateOf(listen, {}, within.concat('9.0.0.0/8', '11.0.0.0/8').reverse()));
    expect(performance.now() - began).toBeLessThan(1000);
    expect(elements.filter(({ set }) => set === 'wakers4_any').length).toBe(64 * 258);
  });
});

describe('a subnet', () => {
  it.each([
    ['10.1.2.3/20', '10.1.0.0', '10.1.15.255'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ])('%s is from %s to %s', (subnet, first, last) => {
    const range = rangeOf(subnet);
    expect([range.bytes.join('.'), range.last.join('.')]).toEqual([first, last]);
  });
});

describe('changes of a service', () => {
  it('close its former addresses, and open the new ones with its routes', () => {
    const before = stateOf([tcp4, udp4], { slots: [a] }, ['10.0.0.0/8']);
    const words = wordsOf(changesOf(before, { ...stateOf([tcp4], { slots: [a] }, ['10.0.0.0/7']) }));
    expect(words).toEqual([
      '- tcp . 80 . 10.0.0.0/8',
      ...wordsOf(changesOf(stateOf([udp4], { slots: [a] }, ['10.0.0.0/8']), stateOf([], { slots: [a] }))),
      '+ tcp . 80 . 10.0.0.0/7',
    ]);
    expect(words).toHaveLength(11);
  });
});

describe('datagrams', () => {
  it('are counted at each instance that may get some, once for all addresses of a family', () => {
    const counted = (state: PathState) => texts(state).filter((text) => text.startsWith('datagrams'));
    const slots = [a, { ...b, address6: null }];
    const listen = [udp4, { ...udp4, port: 54 }, { ...udp4, family: 6, address: null } as const];
    expect(counted(stateOf(listen, { slots, unrouted: [c] }))).toEqual([
      'datagrams4: 10.0.0.1 . 8080',
      'datagrams4: 10.0.0.2 . 8080',
      'datagrams4: 10.0.0.3 . 8080',
      'datagrams6: fd00::1 . 8080',
      'datagrams6: fd00::3 . 8080',
    ]);
    expect(counted(stateOf([tcp4], { slots }))).toEqual([]);
  });

  it('are counted on when their instance is un-routed', () => {
    const before = stateOf([udp4], { slots: [a] });
    const changes = (unrouted: Destination[]) => wordsOf(changesOf(before, { ...before, slots: [], unrouted }));
    expect(changes([a])).not.toContain('- 10.0.0.1 . 8080');
    expect(changes([])).toContain('- 10.0.0.1 . 8080');
  });
});

describe('slots', () => {
  it('stay with their instances', () => {
    expect(placeInSlots([], [a, b])).toEqual([a, b]);
    expect(placeInSlots([a, b, c], [c, a])).toEqual([a, c]);
    expect(placeInSlots([a, b], [c, b])).toEqual([c, b]);
    expect(placeInSlots([a, b, c], [d, c, b])).toEqual([d, b, c]);
  });

  it('are changed where they differ, removals first', () => {
    const before = stateOf([tcp4], { slots: [a, b, c] });
    expect(wordsOf(changesOf(before, { ...before, slots: [a, c] }))).toEqual([
      '- tcp . 80 : goto pick_3',
      '- tcp . 80 . 1 : 10.0.0.2 . 8080',
      '- tcp . 80 . 2 : 10.0.0.3 . 8080',
      '+ tcp . 80 : goto pick_2',
      '+ tcp . 80 . 1 : 10.0.0.3 . 8080',
    ]);
    expect(changesOf(before, before)).toEqual([]);
  });
});

describe('the rules of services', () => {
  const options = { table: 'br0_services', queue: 7, relayPort: 1023, holder: 'queue', hasLimits: true } as const;
  const elements = elementsOfService(stateOf([tcp4], { slots: [a] }));

  it('replace the table, and have all elements', () => {
    const text = serviceRules(options, elements);
    expect(text).toMatch(/^add table inet br0_services\ndelete table inet br0_services\ntable inet br0_services \{/);
    expect(text).toContain('elements = { tcp . 80 : goto pick_1 }');
    expect(text.match(/chain pick_[0-9]+ /g)).toHaveLength(MAX_SLOTS);
  });

  it('use what the kernel has', () => {
    expect(serviceRules(options, [])).toContain('queue to 7');
    expect(serviceRules({ ...options, holder: 'target' }, [])).not.toContain('queue to');
    expect(serviceRules(options, [])).toContain('limit rate');
    expect(serviceRules({ ...options, hasLimits: false }, [])).not.toContain('limit rate');
  });

  it('redirect what sleeps only where there is no queue, and ::1 always', () => {
    const redirected = (holder: 'queue' | 'target' | 'relay') =>
      serviceRules({ ...options, holder }, []).match(/\S+ (meta l4proto tcp )?goto redirected/g);
    const loopback = ['@services6 goto redirected', '@services6_any goto redirected'];
    expect(redirected('queue')).toEqual(loopback);
    expect(redirected('target')).toEqual(loopback);
    expect(redirected('relay')).toEqual([
      ...KINDS.map((kind) => `@asleep${kind} meta l4proto tcp goto redirected`),
      ...loopback,
    ]);
    expect(serviceRules(options, [])).toContain('redirect to :1023');
  });
});

describe('counters', () => {
  const counted = (set: string, key: number[], packets: number) => ({ set, key: Uint8Array.from(key), packets });
  const head = [6, 0, 0, 0, 0, 80, 0, 0];
  const number = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];

  it('are summed, also when the kernel begins anew', () => {
    const tally = new Tally();
    const state = stateOf([tcp4], { slots: [a, b] });
    const read = (connections: number, first: number, second: number, barred: number) =>
      tally.add(
        state,
        toReading([
          counted('connections4_any', head, connections),
          counted('slots4_any', [...head, ...number(0)], first),
          counted('slots4_any', [...head, ...number(1)], second),
          counted('refused4_any', [...head, ...number(2)], barred),
        ]),
      );
    read(5, 3, 2, 1);
    read(9, 6, 3, 1);
    read(2, 1, 4, 2); // two of the counters began anew
    expect(tally.sums.connections).toBe(11);
    expect([...tally.sums.byInstance]).toEqual([
      ['i1', 7],
      ['i2', 4],
    ]);
    expect(tally.sums.refused).toEqual({ 'not-allowed': 0, barred: 2, rate: 0 });
  });

  it('have each datagram of routed and un-routed instances', () => {
    const tally = new Tally();
    const to = (last: number) => [10, 0, 0, last, 0x1f, 0x90, 0, 0];
    const read = (state: PathState, first: number, second: number) =>
      tally.add(state, toReading([counted('datagrams4', to(1), first), counted('datagrams4', to(2), second)]));
    read(stateOf([udp4], { slots: [a, b] }), 10, 20);
    read(stateOf([udp4], { slots: [a], unrouted: [b] }), 11, 25);
    expect([...tally.sums.byInstance]).toEqual([
      ['i1', 11],
      ['i2', 25],
    ]);
    read(stateOf([udp4], { slots: [a] }), 11, 0);
    expect([...tally.sums.byInstance.keys()]).toEqual(['i1']);
  });

  it('are those of routed instances', () => {
    const tally = new Tally();
    tally.add(stateOf([tcp4], { slots: [a, b] }), new Map());
    tally.add(stateOf([tcp4], { slots: [b] }), new Map());
    expect([...tally.sums.byInstance.keys()]).toEqual(['i2']);
  });
});

describe('a waking service', () => {
  it('has one instance first for datagrams', () => {
    expect(wakeSteps(stateOf([udp4]), [a, b])).toEqual([[a], [a, b]]);
    expect(wakeSteps(stateOf([tcp4]), [a, b])).toEqual([[a, b]]);
    expect(wakeSteps(stateOf([udp4], { slots: [a] }), [a, b])).toEqual([[a, b]]);
  });
});

describe('the addresses of services', () => {
  const held = new ServiceAddresses();
  held.set('shop', [tcp4, udp4]);
  const published = { protocol: 'tcp', hostAddress: null, host: 80, container: 80 } as const;

  it("are held by one service; one address and all addresses are in each other's way", () => {
    const cure = 'take another address or port (`niwa ports` lists what is held)';
    expect(() => held.requireFree('other', [{ ...tcp4, address: '192.0.2.1' }])).toThrow(
      `service shop holds 0.0.0.0:80 of this host already, which includes 192.0.2.1:80: ${cure}`,
    );
    expect(() => held.requireFree('other', [tcp4])).toThrow(
      `service shop holds 0.0.0.0:80 of this host already: ${cure}`,
    );
    expect(() => held.requireFree('other', [{ ...udp4, address: null }])).toThrow(
      /^service shop holds 192\.0\.2\.1:53\/udp of this host already, which overlaps 0\.0\.0\.0:53\/udp: take/,
    );
    held.requireFree('other', [tcp6, { ...udp4, address: '192.0.2.2' }, { ...tcp4, port: 81 }]);
    held.requireFree('shop', [tcp4]);
  });

  it('are not published by a container', () => {
    expect(() => held.requireUnheld([published])).toThrow(/service shop holds 0\.0\.0\.0:80 of this host/);
    expect(() => held.requireUnheld([{ ...published, hostAddress: '127.0.0.1' }])).toThrow();
    held.requireUnheld([
      { ...published, hostAddress: '::1' },
      { ...published, protocol: 'udp' },
    ]);
    held.requireUnheld([{ ...published, protocol: 'udp', host: 53, hostAddress: '192.0.2.2' }]);
  });
});
