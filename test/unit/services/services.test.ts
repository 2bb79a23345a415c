import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT } from '../../../src/access/allowed.js';
import { beginNode, type FakeNode, makeGroup, removeNode } from './node.js';

const SHOP = {
  service: 'shop',
  listen: ['0.0.0.0:8080'],
  port: 80,
  template: { process: { args: ['/bin/true'] }, root: { path: '/' } },
};
const APPLY = { dryRun: false, now: false };
const ALICE = { uid: 1000, gid: 1000, role: 'full' as const };
let node: FakeNode;

beforeEach(async () => {
  node = await beginNode();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await node.close();
  removeNode(node);
});

const apply = (fields: object = {}, options: Partial<typeof APPLY> = {}) =>
  node.services.apply(ROOT, 'shop', { ...SHOP, ...fields }, { ...APPLY, ...options });
const routes = () => node.paths.routesOf('shop');
const state = () => node.services.get('shop').state;
const decisions = async () => (await node.services.history('shop')).decisions;
const steps = async () => (await decisions()).map(({ step }) => step);
const end = (id: string | undefined, how = {}) => node.kernel.end(node.kernel.handleOf(id ?? ''), how);

describe('a service that sleeps', () => {
  it('is woken by a request, which its instance answers', async () => {
    await apply();
    expect(state()).toBe('cold');
    const id = await node.paths.request('shop');
    expect(id).toMatch(/^shop-[0-9a-f]{6}$/);
    await expect.poll(() => node.services.get('shop').counters.wakes).toBe(1);
    expect(node.services.get('shop')).toMatchObject({
      state: 'serving',
      instances: [{ id, phase: 'routed', revision: 1 }],
    });
    expect(node.runtime.get(id)).toMatchObject({ state: 'running', spec: { init: true, service: { name: 'shop' } } });
    const { total_usec, start_usec, ready_usec, route_usec } = node.services.get('shop').last_wake ?? {};
    expect(Number(start_usec) + Number(ready_usec) + Number(route_usec)).toBe(total_usec);
  });

  it('starts one container for a hundred requests at once', async () => {
    await apply({ slots: 4 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => node.paths.request('shop')));
    expect(new Set(answers).size).toBe(1);
    expect(node.kernel.asked('containers.create')).toHaveLength(1);
  });

  it('is woken by hand', async () => {
    await apply();
    const { signal } = new AbortController();
    const woken = await node.services.wake(ROOT, 'shop', signal);
    expect(woken).toMatchObject({ woken: true, instance: routes()[0] });
    expect(await node.services.wake(ROOT, 'shop', signal)).toMatchObject({ woken: false, latency: null });
  });

  it('refuses at once while its starts fail, and starts again after its backoff', async () => {
    await apply({ wake: { backoff: { min: '500ms' } } });
    node.kernel.fail('containers.create', 'EIO', { phase: 'clone' });
    expect(await node.paths.request('shop')).toBe('start-failed');
    expect(state()).toBe('failing');
    expect(await node.paths.request('shop')).toBe('start-failed');
    expect(node.services.get('shop').last_failure).toMatchObject({ reason: 'START_FAILED', count: 1 });
    await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
    expect(await node.paths.request('shop')).toBe(routes()[0]);
  });

  it('says to who wakes it why it was refused', async () => {
    await apply();
    node.kernel.fail('containers.create', 'EIO', { phase: 'clone' });
    await expect(node.services.wake(ROOT, 'shop', new AbortController().signal)).rejects.toMatchObject({
      code: 'START_FAILED',
    });
  });

  it('gives a start up that never answers', async () => {
    node.answering.yes = false;
    await apply({ wake: { timeout: '100ms' } });
    expect(await node.paths.request('shop')).toBe('timeout');
    await expect.poll(() => node.services.get('shop').last_failure?.reason).toBe('start-timeout');
    await expect.poll(() => node.services.get('shop').instances).toEqual([]);
  });
});

describe('an instance', () => {
  it('that crashes makes room for the next one, and the next request wakes it', async () => {
    await apply({ wake: { backoff: { min: '50ms' } } });
    const first = await node.paths.request('shop');
    end(first, { code: 1 });
    await expect.poll(routes).toEqual([]);
    expect(node.services.get('shop').counters.failures).toEqual({ exited: 1 });
    await expect.poll(async () => node.paths.request('shop'), { interval: 20 }).toMatch(/^shop-/);
    expect(routes()[0]).not.toBe(first);
  });

  it.each([100, 320])('that drains is looked at again: connections that end %i ms later are not cut', async (ms) => {
    await apply({ slots: 2, minInstances: 2, drain: '450ms' });
    await expect.poll(routes).toHaveLength(2);
    const ends = performance.now() + ms; // before it is un-routed, so that its last look comes later on any machine
    vi.spyOn(node.connections, 'get').mockImplementation(() => (performance.now() < ends ? 3 : 0));
    await node.services.scale(ROOT, 'shop', 1);
    await expect.poll(() => node.services.get('shop').instances).toHaveLength(1);
    const { why } = (await decisions()).findLast(({ step }) => step === 'end') ?? {};
    expect(why).toMatch(/has no open connections$/);
  });

  it('that has died gets no new connection while its end is being recorded', async () => {
    await apply({ slots: 2, minInstances: 2 });
    await expect.poll(routes).toHaveLength(2);
    const [dead] = routes();
    const letGo = node.kernel.hold('containers.end');
    end(dead, { code: 1 });
    await expect.poll(routes).not.toContain(dead);
    expect(node.runtime.get(dead ?? '').state).not.toBe('exited');
    letGo();
    await expect.poll(() => node.runtime.get(dead ?? '').state).toBe('exited');
    expect(node.services.get('shop').counters.failures).toEqual({ exited: 1 });
  });

  it('that is removed by hand is not routed to any more', async () => {
    await apply();
    const id = await node.paths.request('shop');
    await node.runtime.remove(id, ROOT, { force: true });
    await expect.poll(routes).toEqual([]);
    expect(node.services.get('shop').instances).toEqual([]);
  });

  it('that is paused by hand gets no requests until one thaws it', async () => {
    await apply();
    const id = await node.paths.request('shop');
    await node.runtime.pause(id, ROOT);
    await expect.poll(routes).toEqual([]);
    expect(state()).toBe('frozen');
    expect(await node.paths.request('shop')).toBe(id);
  });

  it('that is paused and resumed by hand serves the next request', async () => {
    await apply();
    const id = await node.paths.request('shop');
    await node.runtime.pause(id, ROOT);
    await node.runtime.resume(id, ROOT);
    expect(await node.paths.request('shop')).toBe(id);
  });

  it('is replaced before its lifetime ends, and its successor takes its place in one step', async () => {
    await apply({ drain: '4s', template: { ...SHOP.template, lifetime: '5s' } });
    const first = await node.paths.request('shop');
    await expect.poll(() => routes()[0]).not.toBe(first);
    expect(node.paths.changes.filter((ids) => ids.length === 0)).toEqual([]);
    expect(node.services.get('shop').counters.replacements).toBe(1);
    await expect.poll(() => node.runtime.get(first).state).toBe('exited');
  });
});

describe('a quiet service', () => {
  const idle = { idle: { after: '300ms' } };

  it('freezes, and a request thaws it', async () => {
    await apply(idle);
    const id = await node.paths.request('shop');
    await expect.poll(state).toBe('frozen');
    expect(routes()).toEqual([]);
    await expect.poll(() => node.runtime.get(id).state).toBe('paused');
    expect(await node.paths.request('shop')).toBe(id);
    expect(node.runtime.get(id).state).toBe('running');
  });

  it('with an open connection is not frozen', async () => {
    await apply(idle);
    const id = await node.paths.request('shop');
    node.connections.set(id, 1);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(node.runtime.get(id).state).toBe('running');
    await expect.poll(state).toBe('serving');
  });

  it('stops, where that is said', async () => {
    await apply({ idle: { after: '300ms', action: 'stop' } });
    const id = await node.paths.request('shop');
    await expect.poll(() => node.runtime.get(id).state).toBe('exited');
    expect(state()).toBe('cold');
  });
});

describe('apply', () => {
  it('does nothing where nothing differs, and says what differs before it changes it', async () => {
    expect(await apply()).toMatchObject({ result: 'created', revision: 1 });
    expect(await apply()).toMatchObject({ result: 'unchanged', changes: [] });
    expect(await apply({ slots: 3 }, { dryRun: true })).toMatchObject({
      result: 'changed',
      changes: [{ path: 'slots', from: 1, to: 3 }],
      dry_run: true,
    });
    expect(node.services.get('shop').slots).toBe(1);
  });

  it('names what differs as the file does', async () => {
    await apply({ drain: '3s' });
    const listen = ['0.0.0.0:8080', '[::]:8080'];
    expect((await apply({ drain: '30s', listen, wake: { from: ['10.0.0.0/8'] } })).changes).toEqual([
      { path: 'drain', from: '3s', to: '30s' },
      { path: 'listen', from: ['0.0.0.0:8080'], to: listen },
      { path: 'wake.from', from: null, to: ['10.0.0.0/8'] },
    ]);
    expect((await decisions()).map(({ why }) => why)).toEqual([
      'created: revision 1',
      'changed (drain, listen, wake.from): revision 1',
    ]);
  });

  it('says which instances keep the old template, and which are replaced', async () => {
    await apply({ template: { ...SHOP.template, lifetime: '1h' } });
    const id = await node.paths.request('shop');
    const one = { id, revision: 1, phase: 'routed', deadline_at: expect.any(String), replaced_now: false };
    expect((await apply({ slots: 2, template: { ...SHOP.template, lifetime: '1h' } })).outdated).toEqual([]);
    const template = { ...SHOP.template, lifetime: '2h' };
    expect((await apply({ template }, { dryRun: true })).outdated).toEqual([one]);
    const asked = await apply({ template }, { dryRun: true, now: true });
    expect(asked.outdated).toEqual([{ ...one, replaced_now: true }]);
    expect((await apply({ template })).outdated).toEqual([one]);
    expect((await apply({ template }, { now: true })).outdated).toEqual([{ ...one, replaced_now: true }]);
  });

  it('makes new instances of another revision where the template differs', async () => {
    await apply();
    const first = await node.paths.request('shop');
    const template = { ...SHOP.template, process: { args: ['/bin/true', 'new'] } };
    expect(await apply({ template })).toMatchObject({ result: 'changed', revision: 2 });
    expect(routes()).toEqual([first]);
    await apply({ template }, { now: true });
    await expect.poll(() => routes()[0]).not.toBe(first);
    expect(node.services.get('shop').instances.at(-1)).toMatchObject({ revision: 2 });
    expect(node.paths.changes).not.toContainEqual([]);
  });

  it('refuses what could never start, and opens no address for it', async () => {
    const template = { ...SHOP.template, root: { image: 'none' } };
    await expect(apply({ template })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(node.paths.get('shop')).toBeUndefined();
  });

  it('refuses an address that another service has', async () => {
    await apply();
    const other = { ...SHOP, service: 'other' };
    const applied = node.services.apply(ROOT, 'other', other, APPLY);
    await expect(applied).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    const asked = node.services.apply(ROOT, 'other', other, { ...APPLY, dryRun: true });
    await expect(asked).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect(node.services.list()).toHaveLength(1);
  });

  it('warns where all slots together may take more memory than the node has', async () => {
    const template = { ...SHOP.template, resources: { memory: { max: '600M' }, cpu: { max: 1 } } };
    expect((await apply({ template })).warnings).toEqual([]);
    expect((await apply({ template, slots: 2 })).warnings).toEqual([expect.stringContaining('are more than')]);
    expect(node.services.get('shop').warnings).toHaveLength(1);
  });

  it('warns where a lifetime is not longer than the drain', async () => {
    const template = { ...SHOP.template, lifetime: '2s' };
    expect((await apply({ template, drain: '3s' })).warnings).toEqual([
      'template.lifetime (2s) is not longer than drain (3s): an instance is replaced in the middle of its lifetime, and connections that are open at its end are cut',
    ]);
    expect((await apply({ template, drain: '1s' })).warnings).toEqual([]);
  });

  it('refuses scaling that is asked for where the host cannot measure throttled time, else warns', async () => {
    await node.close();
    node = await beginNode({ directory: node.directory, hasCpuController: false });
    await expect(apply({ slots: 2, scale: {} })).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
    expect((await apply({ slots: 2 })).warnings).toEqual([expect.stringContaining('no cpu controller')]);
    expect((await apply({ slots: 2, scale: 'none' })).warnings).toEqual([]);
  });

  it('is for root and for who has applied it', async () => {
    await node.services.apply(ALICE, 'shop', SHOP, APPLY);
    const bob = { uid: 1001, gid: 1001, role: 'full' as const };
    await expect(node.services.apply(bob, 'shop', SHOP, APPLY)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(node.services.remove(bob, 'shop')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(node.services.scale(bob, 'shop', 0)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const reader = { ...bob, role: 'read' as const };
    const woken = node.services.wake(reader, 'shop', new AbortController().signal);
    await expect(woken).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await node.services.apply(ROOT, 'shop', SHOP, APPLY)).toMatchObject({ result: 'unchanged' });
  });

  it('says that root applies the service of a user, which has the rights of root then', async () => {
    await node.services.apply(ALICE, 'shop', SHOP, APPLY);
    const told = 'user 1000 has applied it before: from now on it has the rights of root';
    for (const dryRun of [true, false]) {
      const { result, warnings } = await node.services.apply(ROOT, 'shop', SHOP, { ...APPLY, dryRun });
      expect({ result, warnings }).toEqual({ result: 'unchanged', warnings: [expect.stringContaining(told)] });
    }
    expect((await decisions()).at(-1)?.why).toContain(told);
    expect((await node.services.apply(ROOT, 'shop', SHOP, APPLY)).warnings).toEqual([]);
  });

  it('gives ports below 1024 to root alone', async () => {
    const low = { ...SHOP, listen: ['0.0.0.0:80'] };
    await expect(node.services.apply(ALICE, 'shop', low, APPLY)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

it('a name of a service that is taken for a container is told', async () => {
  await apply();
  expect(() => node.runtime.get('shop')).toThrow(
    'there is no container shop, but a service of this name: `niwa service inspect shop`, `niwa ps --service shop` for its containers',
  );
  expect(() => node.runtime.get('other')).toThrow(/^there is no container other$/);
});

describe('scale', () => {
  it('holds a number of instances, also over an apply, until load decides again', async () => {
    await apply({ slots: 3 });
    await node.services.scale(ROOT, 'shop', 2);
    await expect.poll(() => routes().length).toBe(2);
    await apply({ slots: 3, labels: { a: 'b' } });
    expect(node.services.get('shop').hold).toBe(2);
    await node.services.scale(ROOT, 'shop', 0);
    await expect.poll(routes).toEqual([]);
    expect(await node.paths.request('shop')).toBe('held-at-zero');
    await expect(node.services.scale(ROOT, 'shop', 4)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  });
});

describe('a data path that refuses', () => {
  it('routes is asked again, and what is held is let go then', async () => {
    await apply();
    node.paths.failure = new Error('the kernel is short of memory');
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
    expect(await decisions()).toContainEqual(
      expect.objectContaining({ step: 'warn', why: 'its routes cannot be set: the kernel is short of memory' }),
    );
  });
});

describe('a removal', () => {
  it('closes the addresses, ends the instances, and forgets the service', async () => {
    await apply();
    const id = await node.paths.request('shop');
    await node.services.remove(ROOT, 'shop');
    expect(await node.paths.request('shop')).toBe('closed');
    await expect.poll(() => node.services.list()).toEqual([]);
    await expect.poll(() => node.runtime.has(id)).toBe(false);
    await expect(node.services.remove(ROOT, 'shop')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a drain of the node', () => {
  it('refuses requests to what sleeps until it is over', async () => {
    await apply();
    node.runtime.drain(ROOT);
    await expect.poll(() => node.paths.request('shop')).toBe('draining');
    node.runtime.undrain(ROOT);
    await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
  });
});

describe('the next niwad', () => {
  async function replace(settings = {}): Promise<void> {
    for (const { id } of node.services.get('shop').instances) makeGroup(node, id);
    const { directory } = node;
    await node.close();
    node = await beginNode({ directory, ...settings });
  }

  it('has the services and their routes as they were', async () => {
    await apply({ slots: 2 });
    const id = await node.paths.request('shop');
    await replace();
    expect(node.paths.changes[0]).toEqual([id]);
    expect(node.services.get('shop')).toMatchObject({
      state: 'serving',
      slots: 2,
      instances: [{ id, phase: 'routed' }],
    });
    expect(await node.paths.request('shop')).toBe(id);
  });

  it('asks an instance whose start it has not seen', async () => {
    await apply({ minInstances: 1 });
    node.answering.yes = false;
    await expect.poll(() => node.services.get('shop').instances[0]?.address).toBeTruthy();
    const [{ id } = { id: '' }] = node.services.get('shop').instances;
    await expect.poll(() => node.runtime.has(id)).toBe(true);
    await replace();
    await expect.poll(routes).toEqual([id]);
  });

  it('lets a service of a user who lost the rights fail with the reason', async () => {
    const input = {
      ...SHOP,
      template: { ...SHOP.template, mounts: [{ type: 'bind', source: '/usr', target: '/mnt' }] },
    };
    const { directory } = node;
    await node.close();
    node = await beginNode({ directory, allowed: { sources: ['/usr'] } });
    await node.services.apply(ALICE, 'shop', input, APPLY);
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
    await node.close();
    node = await beginNode({ directory });
    expect(await node.paths.request('shop')).toBe('start-failed');
    expect(node.services.get('shop').last_failure).toMatchObject({ reason: 'FORBIDDEN' });
  });

  it('ends the instances of a service that is not declared any more', async () => {
    await apply();
    const id = await node.paths.request('shop');
    makeGroup(node, id);
    const { directory } = node;
    await node.close();
    rmSync(`${directory}/state-services/shop.json`);
    node = await beginNode({ directory });
    await expect.poll(() => node.runtime.get(id).state).toBe('exited');
  });

  it('sets a damaged declaration aside, and lets its instances live', async () => {
    await apply();
    const id = await node.paths.request('shop');
    makeGroup(node, id);
    const { directory } = node;
    await node.close();
    writeFileSync(`${directory}/state-services/shop.json`, '{');
    node = await beginNode({ directory });
    expect(node.services.list()).toEqual([]);
    expect(node.runtime.get(id).state).toBe('running');
    expect(existsSync(`${directory}/state-services/damaged/shop.json`)).toBe(true);
  });

  it('has the history, the figures, the counters and the last failure', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1); // the first minute of figures is whole
    await apply({ wake: { backoff: { min: '50ms' } } });
    node.kernel.fail('containers.create', 'EIO', { phase: 'clone' });
    expect(await node.paths.request('shop')).toBe('start-failed');
    await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
    const id = await node.paths.request('shop');
    await expect.poll(() => node.services.get('shop').counters.requests_held).toBe(2);
    const [before, history] = [node.services.get('shop'), await decisions()];
    writeFileSync(`${node.directory}/state-services/shop.history`, '\n{"at":', { flag: 'a' });
    await replace();
    expect((await decisions()).slice(0, history.length)).toEqual(history);
    expect(await steps()).toContain('start');
    const { counters, last_failure } = node.services.get('shop');
    expect(counters).toEqual(before.counters);
    expect(counters).toMatchObject({ wakes: 1, refused: { 'start-failed': 1 }, failures: { START_FAILED: 1 } });
    expect(last_failure).toEqual({ ...before.last_failure, count: expect.any(Number) });
    const { figures } = await node.services.history('shop');
    expect(figures).toEqual([
      {
        ...{ at: expect.any(String), seconds: expect.any(Number), requests_held: 2, wakes: 1, connections: 0 },
        ...{ slowest_wake: expect.objectContaining({ total_usec: expect.any(Number) }), throttled_share: null },
        ...{ instances: { routed: 1 }, slots_used: 1, replacements: 0 },
        ...{ refused: { 'start-failed': 1 }, failures: { START_FAILED: 1 } },
      },
    ]);
    expect(await node.paths.request('shop')).toBe(id);
    await expect.poll(() => node.services.get('shop').counters.connections).toBe(1);
  });

  it('begins anew with a service of the same name that was removed', async () => {
    await apply();
    await node.paths.request('shop');
    await node.services.remove(ROOT, 'shop');
    await expect.poll(() => node.services.list()).toEqual([]);
    await apply();
    expect((await decisions()).map(({ why }) => why)).toEqual(['created: revision 1']);
    expect(node.services.get('shop').counters).toMatchObject({ wakes: 0 });
    await replace();
    expect((await node.services.history('shop')).figures).toEqual([]);
  });

  it('finds a service asleep after a reboot, and its addresses open', async () => {
    await apply();
    await node.paths.request('shop');
    const { directory } = node;
    await node.close();
    for (const name of ['containers', 'run-services', 'number']) rmSync(`${directory}/${name}`, { recursive: true });
    node = await beginNode({ directory });
    expect(state()).toBe('cold');
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
  });
});

it('keeps the last ten instances of a service that have ended', async () => {
  await apply({ wake: { backoff: { min: '10ms', max: '10ms' } } });
  for (let i = 0; i < 12; i++) {
    const id = await expect
      .poll(async () => node.paths.request('shop'), { interval: 15 })
      .toMatch(/^shop-/)
      .then(routes);
    end(id[0], { code: 1 });
    await expect.poll(routes).toEqual([]);
  }
  await expect.poll(() => node.services.instancesOf('shop')).toHaveLength(10);
  expect(await steps()).toContain('ended');
});
