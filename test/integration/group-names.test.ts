import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { makeNetwork, nodePlace, startOnNode } from './support/network.js';
import type { Niwad } from './support/niwad.js';

let niwad: Niwad;
const place = nodePlace();
makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
}, 60_000);

const network = { group: 'shop' };
const sleeper = (id: string, fields: Partial<SpecInput> = {}) =>
  niwad.start({ id, network, process: { args: ['sleep', '999'] }, ...fields });
/** The address under which a container finds another; '' for none. */
const lookUp = async (from: string, name: string) => {
  const { stdout } = await niwad.cli('exec', from, '--', 'getent', 'ahostsv4', name);
  return stdout.split(' ')[0];
};
const addressOf = async (id: string) => (await niwad.client.inspect(id)).network?.address;

it('containers of a group find each other by their ids, from the first moment to the end of each', async () => {
  await sleeper('web');
  await sleeper('own', { hostname: 'shown', network: { ...network, hosts: { other: '10.9.9.9' } } });
  await sleeper('stranger', { network: { group: 'strangers' } });
  // the program asks for itself and another at once
  const asked = await niwad.run({ id: 'asks', network, process: { args: ['getent', 'ahostsv4', 'web', 'asks'] } });
  expect(asked.stdout.match(/\S+ +STREAM \S+/g)).toEqual([
    expect.stringMatching(new RegExp(`^${await addressOf('web')} +STREAM web`)),
    expect.stringMatching(/^10\.77\.0\.[0-9]+ +STREAM asks/),
  ]);
  for (const from of ['web', 'own'])
    for (const name of ['web', 'own'])
      expect(await lookUp(from, name), `${name} in ${from}`).toBe(await addressOf(name));
  expect(await lookUp('own', 'other')).toBe('10.9.9.9');
  expect(await lookUp('own', 'shown')).toBe(await addressOf('own'));
  for (const [from, name] of [
    ['web', 'stranger'],
    ['stranger', 'web'],
    ['web', 'asks'],
    ['web', 'shown'],
  ] as const)
    expect(await lookUp(from, name), `${name} in ${from}`).toBe('');
});

it('they do so without niwad, and with the next one', async () => {
  const web = await addressOf('web');
  await niwad.stop('SIGKILL');
  niwad = await startOnNode(place);
  expect(await lookUp('own', 'web')).toBe(web);
  await sleeper('late');
  expect(await lookUp('web', 'late')).toBe(await addressOf('late'));
  expect(await lookUp('own', 'late')).toBe(await addressOf('late'));
  await niwad.client.remove('late', { force: true });
  expect(await lookUp('web', 'late')).toBe('');
});

it('a container cannot write names for the others', async () => {
  const { exitCode } = await niwad.cli('exec', 'web', '--', 'sh', '-c', 'echo 1.2.3.4 own >> /etc/hosts');
  expect(exitCode).not.toBe(0);
  expect(await lookUp('own', 'own')).toBe(await addressOf('own'));
});

it('no file is left of a group whose members have ended', async () => {
  for (const id of ['web', 'own', 'stranger']) await niwad.client.remove(id, { force: true });
  await expect.poll(() => readdirSync(join(place.runDir, 'groups'))).toEqual([]);
});
