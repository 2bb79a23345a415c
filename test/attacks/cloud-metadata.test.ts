// @module-tag vm-long
// Technique: the metadata service of the cloud that a host runs in is asked for the credentials of the host.
import { beforeAll, expect, test } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import {
  callFrom,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  WORLD,
} from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';

const SERVICES = ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254'];
const OF_THE_WORLD = '169.253.255.255';

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  for (const address of [...SERVICES, OF_THE_WORLD]) {
    const isIpv6 = address.includes(':');
    inside(WORLD, 'ip', 'addr', 'add', `${address}/${isIpv6 ? '128' : '32'}`, 'dev', 'lo');
    inside(NODE, 'ip', 'route', 'add', address, 'via', isIpv6 ? '2001:db8::2' : '192.0.2.2');
  }
  for (const port of [80, 53]) await serve(WORLD, echoServer('metadata', port));
  niwad = await startOnNode(nodePlace());
  await callFrom(niwad, {}, '2001:db8::2', 80); // the first packets to a neighbour may be lost
});

/** What the services answer to containers, on a port. */
async function answers(network: SpecInput['network'], port = 80): Promise<Set<string>> {
  return new Set(await Promise.all(SERVICES.map((host) => callFrom(niwad, network ?? {}, host, port))));
}

test('metadata of the cloud: what is dropped is not answered, and the addresses beside are', async () => {
  expect(await answers({})).toEqual(new Set(['nothing']));
  expect(await answers({ dns: { servers: ['192.0.2.53'] } }, 53)).toEqual(new Set(['nothing']));
  expect(await callFrom(niwad, {}, OF_THE_WORLD, 80)).toBe('metadata for 192.0.2.1');
});

test('metadata of the cloud: a name server there answers on its port alone', async () => {
  for (const server of ['169.254.169.254', 'fd00:ec2::254']) {
    const network = { dns: { servers: [server] } };
    expect(await callFrom(niwad, network, server, 53)).toContain('metadata for');
    expect(await callFrom(niwad, network, server, 80)).toBe('nothing');
  }
});

test('metadata of the cloud, control: where the spec allows it, all of it answers', async () => {
  expect(await answers({ linkLocal: 'allow' })).toEqual(
    new Set(['metadata for 192.0.2.1', 'metadata for 2001:db8::1']),
  );
});
