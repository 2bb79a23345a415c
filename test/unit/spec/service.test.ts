import { describe, expect, it } from 'vitest';
import type { ServiceInput } from '../../../src/protocol/service.js';
import { listenText, parseListen } from '../../../src/spec/listen.js';
import { asksForScaling, parseService } from '../../../src/spec/service.js';
import { templateSpec } from '../../../src/spec/service-template.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { problemsIn } from '../support.js';

const least: ServiceInput = {
  service: 'shop',
  listen: ['0.0.0.0:8080'],
  port: 80,
  template: { process: { args: ['/bin/true'] } },
};
const serviceOf = (fields: object = {}) => parseService({ ...least, ...fields });

it('fills in every default', () => {
  expect(serviceOf()).toEqual({
    name: 'shop',
    owner: null,
    labels: {},
    listen: [{ protocol: 'tcp', family: 4, address: null, port: 8080 }],
    port: 80,
    template: least.template,
    slots: 1,
    ahead: 0,
    minInstances: 0,
    wake: { timeoutUsec: 30e6, queue: 1024, from: null, backoff: { minUsec: 1e6, maxUsec: 60e6 } },
    drainUsec: 30e6,
    idle: { afterUsec: 300e6, action: 'freeze' },
    scale: { out: 0.1, panic: 0.5, in: 0.02, target: 0.7, windowUsec: 30e6, warmupUsec: 2e6, settleUsec: 4e6 },
    live: null,
  });
});

it('takes every field', () => {
  const service = serviceOf({
    owner: 'alice',
    labels: { tier: 'gold' },
    listen: ['192.0.2.1:80', '[2001:DB8:0::1]:80', '[::]:53/udp'],
    slots: 4,
    minInstances: 2,
    wake: { timeout: '5s', queue: 10, from: ['10.0.0.0/8', 'fd00::/8'], backoff: { min: '2s', max: '3s' } },
    drain: 0,
    idle: { after: '1m', action: 'stop' },
    scale: { out: 0.2, window: '1m' },
    live: { http: { port: 80, path: '/alive' }, every: '1s', failures: 2 },
  });
  expect(service).toMatchObject({
    owner: 'alice',
    labels: { tier: 'gold' },
    listen: [
      { protocol: 'tcp', family: 4, address: '192.0.2.1', port: 80 },
      { protocol: 'tcp', family: 6, address: '2001:db8::1', port: 80 },
      { protocol: 'udp', family: 6, address: null, port: 53 },
    ],
    slots: 4,
    minInstances: 2,
    wake: { timeoutUsec: 5e6, queue: 10, from: ['10.0.0.0/8', 'fd00::/8'], backoff: { minUsec: 2e6, maxUsec: 3e6 } },
    drainUsec: 0,
    idle: { afterUsec: 60e6, action: 'stop' },
    scale: { out: 0.2, panic: 0.5, windowUsec: 60e6, settleUsec: 4e6 },
    live: {
      check: { type: 'http', port: 80, path: '/alive', status: null },
      everyUsec: 1e6,
      timeoutUsec: 2e6,
      failures: 2,
    },
  });
});

it('takes at most 1024 pairs of an address and a subnet that may wake it', () => {
  const some = (many: number, text: (i: number) => string) => Array.from({ length: many }, (_, i) => text(i));
  const of = (addresses: number, subnets: number) => ({
    ...least,
    listen: some(addresses, (i) => `0.0.0.0:${8000 + i}`),
    wake: { from: some(subnets, (i) => `10.0.${i}.0/24`) },
  });
  expect(parseService(of(4, 256)).wake.from).toHaveLength(256);
  expect(() => parseService(of(5, 256))).toThrow(/wake.from: .*256 subnets for 5 addresses.*204 subnets/s);
});

it('lets the other end of the backoff give way where only one is written', () => {
  expect(serviceOf({ wake: { backoff: { max: '200ms' } } }).wake.backoff).toEqual({ minUsec: 200e3, maxUsec: 200e3 });
  expect(serviceOf({ wake: { backoff: { min: '2m' } } }).wake.backoff).toEqual({ minUsec: 120e6, maxUsec: 120e6 });
});

it('tells whether scaling is asked for', () => {
  expect([{}, { scale: 'none' as const }, { scale: {} }].map(asksForScaling)).toEqual([false, false, true]);
  expect(serviceOf({ scale: 'none' }).scale).toBe('none');
});

describe('wrong fields', () => {
  it.each<[object, string]>([
    [{ service: undefined }, 'service'],
    [{ service: '-shop' }, 'service'],
    [{ service: 'x'.repeat(49) }, 'service'],
    [{ restart: 'always' }, 'restart'],
    [{ listen: [] }, 'listen'],
    [{ listen: ['8080'] }, 'listen[0]'],
    [{ listen: ['0.0.0.0:0'] }, 'listen[0]'],
    [{ listen: ['0.0.0.0:65536'] }, 'listen[0]'],
    [{ listen: ['300.0.0.1:80'] }, 'listen[0]'],
    [{ listen: ['[::ffff:10.0.0.1]:80'] }, 'listen[0]'],
    [{ listen: ['0.0.0.0:80', '0.0.0.0:80'] }, 'listen[1]'],
    [{ listen: ['0.0.0.0:80', '10.0.0.1:80'] }, 'listen[1]'],
    [{ listen: ['[fd00::1]:80', '[fd00:0::1]:80'] }, 'listen[1]'],
    [{ port: 0 }, 'port'],
    [{ slots: 0 }, 'slots'],
    [{ slots: 65 }, 'slots'],
    [{ minInstances: 2 }, 'minInstances'],
    [{ wake: { timeout: '2h' } }, 'wake.timeout'],
    [{ wake: { queue: 0 } }, 'wake.queue'],
    [{ wake: { from: [] } }, 'wake.from'],
    [{ wake: { from: ['10.0.0.0/8', '10.0.0.1/8'] } }, 'wake.from[1]'],
    [{ wake: { from: ['fd00::1/64'] } }, 'wake.from[0]'],
    [{ wake: { from: ['fe80::1%eth0/128'] } }, 'wake.from[0]'],
    [{ wake: { backoff: { min: '5s', max: '4s' } } }, 'wake.backoff.max'],
    [{ drain: '2d' }, 'drain'],
    [{ idle: { after: 0 } }, 'idle.after'],
    [{ idle: { action: 'remove' } }, 'idle.action'],
    [{ scale: 'off' }, 'scale'],
    [{ scale: { out: 1.5 } }, 'scale.out'],
    [{ scale: { in: 0.1 } }, 'scale.in'],
    [{ scale: { out: 0.6 } }, 'scale.panic'],
    [{ scale: { target: 0 } }, 'scale.target'],
    [{ scale: { window: 0 } }, 'scale.window'],
    [{ live: {} }, 'live'],
    [{ live: { tcp: 80, command: ['true'] } }, 'live'],
    [{ live: { tcp: 80, every: 0 } }, 'live.every'],
    [{ template: undefined }, 'template'],
    [{ template: {} }, 'template.process.args'],
    [{ template: { process: { args: ['x'] }, lifetime: 0 } }, 'template.lifetime'],
    [{ template: { process: { args: ['x'] }, nmae: 'y' } }, 'template.nmae'],
    [{ template: { process: { args: ['x'] }, network: { group: '-' } } }, 'template.network.group'],
  ])('%j is refused at %s', (fields, path) => {
    expect(problemsIn(() => serviceOf(fields))).toMatchObject([{ path }]);
  });

  it.each<[object, string, RegExp]>([
    [{ id: 'x' }, 'id', /id of its own/],
    [{ owner: 'x' }, 'owner', /"owner" of the service/],
    [{ ports: ['80:80'] }, 'ports', /"listen" and "port"/],
    [{ restart: 'always' }, 'restart', /starts a successor/],
    [{ network: { ports: ['80:80'] } }, 'network.ports', /"listen" and "port"/],
    [{ network: { address: '10.88.0.5' } }, 'network.address', /address of its own/],
    [{ network: { mode: 'none' } }, 'network.mode', /bridge alone/],
    [{ namespaces: { network: 'host' } }, 'namespaces.network', /bridge alone/],
  ])('the template %j is refused at %s, with the cure', (fields, path, allowed) => {
    const template = { process: { args: ['x'] }, ...fields };
    expect(problemsIn(() => serviceOf({ template }))).toMatchObject([
      { path: `template.${path}`, allowed: expect.stringMatching(allowed) },
    ]);
  });

  it('tells all of them at once, and takes no value of another shape', () => {
    const paths = problemsIn(() => serviceOf({ port: 0, slots: 'many', template: { id: 'x', lifetime: 'long' } }));
    expect(paths.map(({ path }) => path).sort()).toEqual(['port', 'slots', 'template.id', 'template.lifetime']);
    for (const input of [null, 'shop', [], 5]) expect(problemsIn(() => parseService(input))).not.toEqual([]);
  });
});

describe('an instance', () => {
  it('has the owner and the labels of the service, an init and the bridge', () => {
    const service = serviceOf({
      owner: 'alice',
      labels: { tier: 'gold', of: 'service' },
      template: { ...least.template, labels: { of: 'template' } },
    });
    expect(templateSpec(service, 'shop-1')).toEqual({
      id: 'shop-1',
      process: { args: ['/bin/true'] },
      owner: 'alice',
      labels: { tier: 'gold', of: 'template' },
      init: true,
      network: { mode: 'bridge' },
    });
  });

  it('has what its template says', () => {
    const template = { ...least.template, init: false, lifetime: '1h', network: { group: 'shop' } };
    const spec = parseSpec(templateSpec(serviceOf({ template }), 'shop-1'), 'free');
    expect(spec).toMatchObject({
      id: 'shop-1',
      init: false,
      lifetimeUsec: 3600e6,
      network: { group: 'shop', ports: [] },
    });
  });

  it('may take its program from an image, which nobody asks for here', () => {
    expect(serviceOf({ template: { root: { image: 'shop:1' } } }).template).toEqual({ root: { image: 'shop:1' } });
  });
});

it.each(['0.0.0.0:80', '192.0.2.7:53/udp', '[::]:80', '[2001:db8::1]:443'])('%s is written as it was read', (text) => {
  const address = parseListen(text);
  expect(address && listenText(address)).toBe(text);
});
