import { expect, it } from 'vitest';
import { AddressPool } from '../../../src/network/pool.js';
import { parseSubnet, type Subnet } from '../../../src/spec/addresses.js';
import { problemsIn, refusal } from '../support.js';

const pool = (text = '10.0.0.0/29') => new AddressPool(parseSubnet(text) as Subnet);

it('hands out every address but those of the net, the gateway and everybody, then none', () => {
  const addresses = pool();
  expect(Array.from({ length: 5 }, () => addresses.take(null))).toEqual([2, 3, 4, 5, 6].map((n) => `10.0.0.${n}`));
  const error = refusal(() => addresses.take(null));
  expect(error).toMatchObject({ code: 'HOST_UNSUPPORTED', message: expect.stringContaining('network.subnet') });
});

it('hands out what was given back last of all, the oldest first', () => {
  const addresses = pool();
  for (let i = 0; i < 5; i++) addresses.take(null);
  for (const last of [4, 2]) addresses.release(`10.0.0.${last}`);
  addresses.release('10.0.0.4');
  expect([addresses.take(null), addresses.take(null)]).toEqual(['10.0.0.4', '10.0.0.2']);
});

it('says beforehand whether there is an address', () => {
  const addresses = pool();
  expect(addresses.canTake('10.0.0.3')).toBe(true);
  addresses.take('10.0.0.3');
  expect(addresses.canTake('10.0.0.3')).toBe(false);
  for (let i = 0; i < 4; i++) {
    expect(addresses.canTake(null)).toBe(true);
    addresses.take(null);
  }
  expect(addresses.canTake(null)).toBe(false);
});

it('gives an address that is asked for once', () => {
  const addresses = pool();
  expect(addresses.take('10.0.0.3')).toBe('10.0.0.3');
  expect(refusal(() => addresses.take('10.0.0.3')).code).toBe('ADDRESS_IN_USE');
  expect([addresses.take(null), addresses.take(null)]).toEqual(['10.0.0.2', '10.0.0.4']);
});

it.each(['10.0.0.0', '10.0.0.1', '10.0.0.7', '10.0.0.8', '192.0.2.1'])('has no %s for a container', (wanted) => {
  expect(problemsIn(() => pool().take(wanted))).toEqual([
    { path: 'network.address', found: `"${wanted}"`, allowed: 'an address from 10.0.0.2 to 10.0.0.6' },
  ]);
});

it('takes over addresses of its own, and lets those of others be', () => {
  const addresses = pool();
  for (const address of ['10.0.0.2', '10.99.0.2']) addresses.claim(address);
  expect(addresses.take(null)).toBe('10.0.0.3');
  addresses.release('10.0.0.2');
  expect([4, 5, 6, 2].map(() => addresses.take(null))).toEqual([4, 5, 6, 2].map((n) => `10.0.0.${n}`));
});
