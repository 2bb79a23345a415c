import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { newlyDeclared } from '../../../src/network/services/declared.js';
import { PathKernel } from '../../../src/network/services/path-kernel.js';
import type { PathState } from '../../../src/network/services/service-elements.js';
import { FakeKernel } from '../../fake-kernel.js';

const listen = [{ protocol: 'tcp', family: 4, address: null, port: 80 } as const];
const path = { name: 'shop', listen, from: null, queue: 10 };
const awake: PathState = {
  path,
  slots: [{ id: 'a', address: '10.0.0.1', address6: null, port: 8080 }],
  unrouted: [],
  isBarred: false,
};

/** The data path with another kernel, and without nft: gives how often the rules were loaded, and lets that fail. */
function pathKernelOf(kernel: FakeKernel) {
  const log = pino({ level: 'silent' });
  const pathKernel = new PathKernel({ bridge: 'br0', kernel, log, onHeld: () => {}, onQueueLost: () => {} });
  return { pathKernel, load: vi.spyOn(pathKernel.table, 'load').mockResolvedValue() };
}

it('a change that fails leaves the service, and what holds its requests, as they were', async () => {
  const kernel = new FakeKernel();
  const { pathKernel } = pathKernelOf(kernel);
  await pathKernel.load([]);
  const declared = newlyDeclared(1, path);
  declared.state = awake;
  kernel.fail('serviceRelay.change', 'ESRCH');
  await expect(pathKernel.change(declared, { ...awake, slots: [] }, [declared])).rejects.toThrow(/serviceRelay.change/);
  expect(declared.state).toBe(awake);
  const [queue, relay] = ['services.change', 'serviceRelay.change'].map((name) =>
    kernel.calls.findLast((call) => call.name === name),
  );
  expect(queue?.args).toEqual([1, [], false]);
  expect(relay?.args).toEqual([1, [expect.objectContaining({ id: 'a', port: 8080 })], false]);
});

it('rules that could not be loaded are loaded with the next change, also if it changes no element', async () => {
  const { pathKernel, load } = pathKernelOf(new FakeKernel());
  const declared = newlyDeclared(1, path);
  declared.state = awake;
  load.mockRejectedValueOnce(new Error('nft was killed'));
  await expect(pathKernel.load([declared])).rejects.toThrow('nft was killed');
  await pathKernel.change(declared, awake, [declared]);
  expect(load).toHaveBeenCalledTimes(2);
  await pathKernel.change(declared, awake, [declared]);
  expect(load).toHaveBeenCalledTimes(2);
});
