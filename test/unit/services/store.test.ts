import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../../../src/access/allowed.js';
import { filterOf } from '../../filters.js';
import { beginNode, type FakeNode, makeGroup, removeNode } from './node.js';

const SHOP = {
  service: 'shop',
  listen: ['0.0.0.0:8080'],
  port: 80,
  template: { process: { args: ['/bin/true'] }, root: { path: '/' } },
};
let node: FakeNode;

beforeEach(async () => {
  node = await beginNode();
});

afterEach(async () => {
  await node.close();
  removeNode(node);
});

const TOO_LONG = /seccomp\.syscalls\[4\]: found more than 729 combinations/;

it('keeps a service and its instances where an earlier niwad has taken a filter beyond the bounds, and refuses new ones', async () => {
  const apply = (template: object) =>
    node.services.apply(ROOT, 'shop', { ...SHOP, template }, { dryRun: false, now: false });
  await apply(SHOP.template);
  const id = await node.paths.request('shop');
  makeGroup(node, id);
  const { directory } = node;
  await node.close();
  const file = `${directory}/state-services/shop.json`;
  const declared = JSON.parse(readFileSync(file, 'utf8'));
  declared.input.template.seccomp = filterOf(20);
  writeFileSync(file, JSON.stringify(declared));

  node = await beginNode({ directory });
  expect(node.services.get('shop').instances).toMatchObject([{ id, phase: 'routed' }]);
  expect(await node.paths.request('shop')).toBe(id);
  node.kernel.end(node.kernel.handleOf(id), { code: 0 });
  await expect.poll(() => node.services.get('shop').instances).toEqual([]);
  await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
  expect(await node.paths.request('shop')).toBe('start-failed');
  const { reason, message } = node.services.get('shop').last_failure ?? {};
  expect([reason, message]).toEqual(['SPEC_INVALID', expect.stringMatching(TOO_LONG)]);
  await expect(apply({ ...SHOP.template, seccomp: filterOf(20) })).rejects.toThrow(TOO_LONG);
});
