import { expect, it } from 'vitest';
import { FreePorts } from '../../../src/network/free-ports.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import { parseSpec } from '../../../src/spec/spec.js';

const spec = (...ports: string[]) => parseSpec({ process: { args: ['true'] }, network: { ports } }, 'a');
const chosen = async (free: FreePorts, ...ports: string[]) =>
  (await free.choose(spec(...ports))).network?.ports.map(({ host }) => host) ?? [];

it('chooses a different port each time, and leaves named ones', async () => {
  const free = new FreePorts(async () => {});
  const ports = (await Promise.all(Array.from({ length: 500 }, () => chosen(free, '80', '81/udp', '8080:82')))).flat();
  expect(new Set(ports).size).toBe(1001);
  expect(ports.every((port) => port === 8080 || (port >= 32_768 && port < 61_000))).toBe(true);
});

it('leaves out what is in use, and gives up where all is', async () => {
  const refused = new NiwaError('ADDRESS_IN_USE', 'taken');
  const even = new FreePorts(async ({ host }) => {
    if (host % 2 === 1) throw refused;
  });
  expect((await chosen(even, '80', '81')).every((port) => port % 2 === 0)).toBe(true);
  const none = new FreePorts(async () => {
    throw refused;
  });
  await expect(none.choose(spec('80'))).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
});
