import { expect, it } from 'vitest';
import {
  applyText,
  figuresTable,
  historyTable,
  latencyText,
  portTable,
  scaleText,
  serviceTable,
  wakeText,
} from '../../../src/cli/service-text.js';
import { instanceOf, serviceOf } from '../services-samples.js';

const latency = { total_usec: 250_300, start_usec: 100_000, ready_usec: 149_000, route_usec: 400 };

it('the table of services', () => {
  const now = Date.parse('2026-11-01T00:00:10.000Z');
  const { counters } = serviceOf('shop');
  const services = [
    serviceOf('blog', { state: 'failing', backoff_until: '2026-11-01T00:00:14.000Z', owner: 'bob\u001b' }),
    serviceOf('shop', {
      state: 'serving',
      slots: 4,
      hold: 2,
      last_failure: {
        at: '2026-11-01T00:00:05.000Z',
        reason: 'start-timeout',
        message: 'it did not get ready',
        count: 0,
      },
      instances: [instanceOf('shop-1'), instanceOf('shop-2', { phase: 'unrouted' })],
      counters: { ...counters, connections: 12, wakes: 3, failures: { 'start-timeout': 2, exited: 1 } },
      last_wake: { at: '2026-11-01T00:00:00.000Z', ...latency },
    }),
  ];
  expect(serviceTable(services, now).text().split('\n')).toEqual([
    'NAME  STATE                 ROUTED  SLOTS       LISTEN        CONNECTIONS  WAKES  LAST WAKE  FAILURES                 OWNER',
    'blog  failing, again in 4s       0  1           0.0.0.0:8080            0      0          -  -                        bob?',
    'shop  serving                    1  4 (hold 2)  0.0.0.0:8080           12      3      250ms  3, start-timeout 5s ago  -',
  ]);
});

const answer = { name: 'shop', revision: 2, warnings: [], dry_run: false, changes: [], outdated: [] };

it('what an apply changes, and what it would change', () => {
  expect(applyText({ ...answer, result: 'created' })).toBe('shop created');
  expect(applyText({ ...answer, result: 'unchanged', dry_run: true })).toBe('shop unchanged');
  const listen = ['0.0.0.0:8080', '[::]:8080'];
  const changes = [
    { path: 'slots', from: 1, to: 4 },
    { path: 'drain', from: '3s', to: '30s' },
    { path: 'listen', from: listen, to: [...listen, '192.0.2.7:8080', '[2001:db8::7]:8080', '0.0.0.0:53/udp'] },
    { path: 'labels.a', from: '4', to: 'a\u001b b' },
    { path: 'wake.from', from: null, to: ['10.0.0.0/8'] },
  ];
  expect(applyText({ ...answer, result: 'changed', changes, dry_run: true }).split('\n')).toEqual([
    'shop would be changed',
    '  slots: 1 -> 4',
    '  drain: 3s -> 30s',
    '  listen: ["0.0.0.0:8080","[::]:8080"] -> ["0.0.0.0:8080","[::]:8080","192.0.2.7:8080","[2001:db8::7]:8080","0.0.0.0:53/udp"]',
    '  labels.a: "4" -> "a\\u001b b"',
    '  wake.from: nothing -> ["10.0.0.0/8"]',
  ]);
});

it('which instances keep the old template, and which are replaced', () => {
  const deadline_at = '2026-11-01T00:00:00.000Z';
  const one = { id: 'shop-1', revision: 1, phase: 'routed', deadline_at, replaced_now: false } as const;
  const now = { ...one, replaced_now: true };
  expect(
    applyText({ ...answer, result: 'changed', outdated: [one, { ...one, id: 'shop-2', deadline_at: null }] }),
  ).toBe(
    `shop changed
  shop-1 (revision 1) keeps the old template until ${deadline_at}; --now replaces it
  shop-2 (revision 1) keeps the old template, without an end; --now replaces it`,
  );
  const frozen = { ...now, id: 'shop-2', phase: 'frozen' } as const;
  expect(applyText({ ...answer, result: 'changed', outdated: [now, frozen] })).toBe(
    `shop changed
  shop-1 (revision 1) is replaced now
  shop-2 (revision 1) is ended now: it does not serve`,
  );
  expect(applyText({ ...answer, result: 'changed', outdated: [now], dry_run: true })).toBe(
    'shop would be changed\n  shop-1 (revision 1) would be replaced now',
  );
});

it('how long a wake took, with its phases', () => {
  expect(latencyText(latency)).toBe('250ms (start 100ms, ready 149ms, route 0.4ms)');
  expect(wakeText({ name: 'shop', instance: 'shop-1', woken: true, latency })).toMatch(
    /^shop serves: shop-1, after 250ms/,
  );
  expect(wakeText({ name: 'shop', instance: 'shop-1', woken: false, latency: null })).toBe('shop serves: shop-1');
});

it('what a scale holds', () => {
  expect(scaleText(serviceOf('shop', { hold: 2, slots: 4 }))).toBe('shop holds 2 of 4 slots');
  expect(scaleText(serviceOf('shop'))).toBe('shop: load decides');
});

it('the figures of a service', () => {
  const at = '2026-11-01T00:00:00.000Z';
  const quiet = {
    ...{ at, seconds: 60, requests_held: 0, wakes: 0, slowest_wake: null, connections: 0, instances: { frozen: 1 } },
    ...{ slots_used: 1, throttled_share: null, replacements: 0, refused: {}, failures: {} },
  };
  const busy = {
    ...{ ...quiet, requests_held: 3, wakes: 1, slowest_wake: latency, connections: 120, slots_used: 3 },
    ...{ instances: { routed: 2, unrouted: 1 }, throttled_share: 0.126, refused: { 'queue-full': 2 } },
  };
  expect(figuresTable([quiet, busy]).text().split('\n')).toEqual([
    'TIME                      SECONDS  HELD  WAKES  SLOWEST WAKE                                   CONNECTIONS  INSTANCES             SLOTS USED  THROTTLED  REPLACED  REFUSED       FAILURES',
    `${at}       60     0      0  -                                                        0  frozen 1                       1          -         0  -             -`,
    `${at}       60     3      1  250ms (start 100ms, ready 149ms, route 0.4ms)          120  routed 2, unrouted 1           3        13%         0  queue-full 2  -`,
  ]);
});

it('the history, and the ports', () => {
  const at = '2026-11-01T00:00:00.000Z';
  expect(
    historyTable([{ at, step: 'start', instance: null, why: 'a request waits' }])
      .text()
      .split('\n')[1],
  ).toBe(`${at}  start  -         a request waits`);
  const holder = { port: 80, protocol: 'tcp', target: 8080 } as const;
  const holders = [
    { ...holder, address: null, family: 4, kind: 'service', name: 'shop' } as const,
    { ...holder, address: null, family: 6, kind: 'service', name: 'shop' } as const,
    { ...holder, address: null, family: null, kind: 'container', name: 'web' } as const,
    { ...holder, address: '10.0.0.1', family: 4, kind: 'container', name: 'db' } as const,
  ];
  expect(portTable(holders).text().split('\n')).toEqual([
    'ADDRESS   PORT  PROTOCOL  KIND       NAME  TARGET',
    '0.0.0.0     80  tcp       service    shop    8080',
    '::          80  tcp       service    shop    8080',
    '*           80  tcp       container  web     8080',
    '10.0.0.1    80  tcp       container  db      8080',
  ]);
});
