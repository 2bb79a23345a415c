import { expect, it } from 'vitest';
import { RuleChanges } from '../../../src/network/rule-changes.js';

it('a load waits for the changes that run, and later changes wait for the load, also for one that fails', async () => {
  const changes = new RuleChanges();
  const order: string[] = [];
  let letGo = () => {};
  const first = changes.change(async () => {
    await new Promise<void>((resolve) => {
      letGo = resolve;
    });
    order.push('first change');
  });
  const load = changes.load(async () => {
    order.push('load');
    throw new Error('refused');
  });
  const again = changes.load(async () => void order.push('never')).catch(() => {});
  const second = changes.change(async () => void order.push('second change'));
  letGo();
  await expect(load).rejects.toThrow('refused');
  await Promise.all([first, second, again]);
  expect(order).toEqual(['first change', 'load', 'second change']);
});
