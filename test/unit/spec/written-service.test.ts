import { expect, it } from 'vitest';
import type { ServiceInput } from '../../../src/protocol/service.js';
import { parseService } from '../../../src/spec/service.js';
import { writtenService } from '../../../src/spec/written-service.js';

const SHORT = {
  service: 'shop',
  listen: ['0.0.0.0:8080'],
  port: 80,
  template: { process: { args: ['/bin/true'] }, lifetime: '3600s' },
} satisfies ServiceInput;

it('a service is written with its defaults, in the words of its file', () => {
  expect(writtenService(parseService(SHORT))).toEqual({
    ...SHORT,
    labels: {},
    slots: 1,
    ahead: 0,
    minInstances: 0,
    wake: { timeout: '30s', queue: 1024, backoff: { min: '1s', max: '1m' } },
    drain: '30s',
    idle: { after: '5m', action: 'freeze' },
    scale: { out: 0.1, panic: 0.5, in: 0.02, target: 0.7, window: '30s', warmup: '2s', settle: '4s' },
  });
});

it('what is written means the same service', () => {
  const whole: ServiceInput = {
    ...SHORT,
    owner: 'alice',
    labels: { job: 'web' },
    listen: ['[::]:8080', '192.0.2.7:53/udp'],
    wake: { timeout: 0.1001, from: ['10.0.0.0/8'], backoff: { min: '90s', max: '1h30m' } },
    drain: '1h0m1s',
    scale: 'none',
    live: { http: { port: 80, path: '/', status: 204 }, every: '12.34s' },
  };
  for (const input of [SHORT, whole, { ...whole, live: { tcp: 80 } }, { ...whole, live: { command: ['/bin/true'] } }]) {
    const service = parseService(input);
    expect(parseService(writtenService(service))).toEqual(service);
  }
  expect(writtenService(parseService(whole))).toMatchObject({
    listen: ['[::]:8080', '192.0.2.7:53/udp'],
    wake: { timeout: '0.1001s', backoff: { min: '1m30s', max: '1h30m' } },
    drain: '3601s',
    live: { every: '12.34s' },
  });
});
