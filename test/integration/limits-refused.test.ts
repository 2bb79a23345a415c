import { expect } from 'vitest';
import type { ResourcesInput } from '../../src/client/index.js';
import { type Controller, host } from './support/host.js';
import { test } from './support/test.js';

/** Limits that this host cannot enforce: these need a host without controllers. */

const process = { args: ['sleep', '1000'] };
const limits: [Controller, file: string, ResourcesInput][] = [
  ['cpu', 'cpu.max', { cpu: { max: 0.5 } }],
  ['cpu', 'cpu.weight', { cpu: { weight: 50 } }],
  ['cpuset', 'cpuset.cpus', { cpu: { cpus: '0' } }],
  ['memory', 'memory.max', { memory: { max: '64M' } }],
  ['memory', 'memory.high', { memory: { high: '64M' } }],
  ['memory', 'memory.low', { memory: { low: '64M' } }],
  ['memory', 'memory.min', { memory: { min: '64M' } }],
  ['memory', 'memory.swap.max', { memory: { swapMax: 0 } }],
  ['memory', 'memory.oom.group', { memory: { oomGroup: true } }],
  ['io', 'io.max', { io: [{ device: '254:0', wbps: '1M' }] }],
  ['pids', 'pids.max', { pids: 100 }],
];

test.for(limits)(
  '%s: %s is refused with the reason, and nothing is created',
  async ([controller, file, resources], { niwad, skip }) => {
    skip(!(controller in host.missing), `needs a host without the ${controller} controller`);
    const reason = host.missing[controller] ?? '';
    const refusal = {
      code: 'HOST_UNSUPPORTED',
      message: expect.stringContaining(`${file} needs the ${controller} controller`),
    };
    const error = await niwad.client.create({ id: 'refused', process, resources }).catch((thrown) => thrown);
    expect(error).toMatchObject(refusal);
    expect(error.message).toContain(reason);
    expect(error.message).toContain('niwa doctor');
    expect(await niwad.client.list()).toEqual([]);
    expect(niwad.groups()).toEqual([]);
    expect(niwad.ledger('refused')).toEqual([]);
  },
);

test('a live update is refused in the same way', async ({ niwad, skip }) => {
  skip(!('pids' in host.missing), 'needs a host without the pids controller');
  await niwad.start({ id: 'live', process });
  await expect(niwad.client.update('live', { pids: 10 })).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
  expect((await niwad.client.inspect('live')).spec.resources).not.toHaveProperty('pids');
  await niwad.client.remove('live', { force: true });
});
