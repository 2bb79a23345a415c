import { describe, expect, it } from 'vitest';
import { segmentOf } from '../../../src/network/lease.js';
import { Members } from '../../../src/network/members.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { refusal, specOf } from '../support.js';

const settings = { bridge: 'nw0', subnet: '10.9.0.0/29', subnet6: null, mtu: 1500, connectionsPerContainer: 0 };
const membersOfNobody = () => new Members(segmentOf(settings, 'node', false));
const bridged = (id: string, network: SpecInput['network'] = { mode: 'bridge' }) => specOf({ id, network });
const take = (members: Members, id: string, network?: SpecInput['network']) => {
  const spec = bridged(id, network);
  if (spec.network === null) throw new Error('it is not bridged');
  return members.take(id, spec.network);
};

describe('the preview of a member', () => {
  it('is what it gets, and takes nothing', () => {
    const members = membersOfNobody();
    const spec = bridged('web', { group: 'shop', ports: ['8080:80'] });
    const preview = members.preview(spec, '/run/web');
    expect(members.preview(spec, '/run/web')).toEqual(preview);
    expect(members.isEmpty).toBe(true);
    take(members, 'web', { group: 'shop', ports: ['8080:80'] });
    expect(members.plan(spec, '/run/web')).toEqual(preview);
  });

  it('is refused as the member would be', () => {
    const members = membersOfNobody();
    take(members, 'web', { ports: ['8080:80'], address: '10.9.0.4' });
    const codeOf = (network: SpecInput['network']) =>
      refusal(() => members.preview(bridged('b', network), '/run')).code;
    expect(codeOf({ ports: ['8080:81'] })).toBe('ADDRESS_IN_USE');
    expect(codeOf({ address: '10.9.0.4' })).toBe('ADDRESS_IN_USE');
    expect(codeOf({ address: '10.8.0.4' })).toBe('SPEC_INVALID');
  });
});

it('gives the number of a group to its members alone, and frees it with the last of them', () => {
  const members = membersOfNobody();
  expect(take(members, 'a', { group: 'one' }).group).toBe(1);
  expect(take(members, 'b', { group: 'two' }).group).toBe(2);
  expect(take(members, 'c', { group: 'two' }).group).toBe(2);
  for (const id of ['b', 'c']) members.remove(id);
  members.plan(bridged('b', { group: 'two' }), '/run/b'); // a container that has ended
  expect(take(members, 'd', { group: 'three' }).group).toBe(2);
});

it('keeps the address of a member that has ended until it is freed', () => {
  const members = membersOfNobody();
  const addresses = ['a', 'b', 'c', 'd', 'e'].map((id) => take(members, id).lease.address);
  expect(new Set(addresses).size).toBe(5);
  const ended = members.remove('b');
  expect(members.hasAddress(null)).toBe(false);
  if (ended !== undefined) members.free(ended.lease);
  expect(take(members, 'f').lease.address).toBe(addresses[1]);
});
