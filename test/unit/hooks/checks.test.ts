import { expect, it } from 'vitest';
import { checkOf } from '../../../src/hooks/checks.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import { FakeKernel } from '../../fake-kernel.js';

const { signal } = new AbortController();

/** Makes a check of a port where a connection does what `connectIn` does. */
function portCheck(connectIn: () => Promise<number>) {
  const fake = new FakeKernel();
  const network: Kernel['network'] = { ...fake.network, connectIn };
  return checkOf({ network }, fake.handleOf('a'), { type: 'tcp', port: 80 }, async () => null);
}

it('a connection that fails by a defect fails its own check alone', async () => {
  let isBroken = true;
  const ask = portCheck(async () => {
    if (isBroken) throw new Error('a defect');
    return await new FakeKernel().network.connectIn(new FakeKernel().handleOf('a'), 80);
  });
  await expect(ask(signal)).rejects.toThrow('a defect');
  isBroken = false;
  expect(await ask(signal).catch(({ message }) => message)).not.toBe('a defect');
});

it('connections wait for others, so that few threads are kept by programs that do not accept, but not for all', async () => {
  let [now, most] = [0, 0];
  const ask = portCheck(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now--;
    throw new Error('no connection');
  });
  await Promise.allSettled(Array.from({ length: 12 }, () => ask(signal)));
  expect(most).toBe(4);
});
