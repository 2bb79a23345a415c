import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../../src/access/allowed.js';
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

const apply = (fields: object = {}) =>
  node.services.apply(ROOT, 'shop', { ...SHOP, ...fields }, { dryRun: false, now: false });
const status = () => node.services.get('shop');
const declarationFile = () => `${node.directory}/state-services/shop.json`;
const loseStateDirectory = () => rmSync(`${node.directory}/state-services`, { recursive: true });

async function restart(whileDown: () => void): Promise<void> {
  const { directory } = node;
  await node.close();
  whileDown();
  node = await beginNode({ directory });
}

describe('a state directory that cannot be written', () => {
  it('lets a start fail that finds another image, and niwad goes on', async () => {
    await apply();
    await restart(() => {
      const declared = JSON.parse(readFileSync(declarationFile(), 'utf8'));
      declared.input.template.root = { image: 'shop' };
      writeFileSync(declarationFile(), JSON.stringify({ ...declared, imageId: 'before' }));
    });
    node.images.set('shop', 'another');
    loseStateDirectory();
    expect(await node.paths.request('shop')).toBe('start-failed');
    expect(status()).toMatchObject({ instances: [], last_failure: { reason: 'HOST_ERROR' } });
  });

  it('leaves a service as it is that cannot be removed', async () => {
    await apply();
    const id = await node.paths.request('shop');
    loseStateDirectory();
    await expect(node.services.remove(ROOT, 'shop')).rejects.toMatchObject({ code: 'HOST_ERROR' });
    expect(await node.paths.request('shop')).toBe(id);
  });
});

it('a service that is applied while it is removed is there again', async () => {
  await apply();
  const first = await node.paths.request('shop');
  await node.services.remove(ROOT, 'shop');
  const declare = node.paths.declare.bind(node.paths);
  node.paths.declare = async (path) => {
    const hasEnded = () => !node.runtime.has(first) || node.runtime.get(first).state === 'exited';
    await expect.poll(hasEnded).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await declare(path);
  };
  await apply();
  void node.paths.request('shop');
  await expect.poll(() => node.paths.routesOf('shop')).toEqual([expect.stringMatching(/^shop-/)]);
  expect(status()).toMatchObject({ state: 'serving' });
});

describe('marks that the next niwad cannot read', () => {
  it.each(['damaged', 'missing'])('%s: instances serve on', async (how) => {
    await apply({ wake: { timeout: '1s' } });
    const id = await node.paths.request('shop');
    makeGroup(node, id);
    await new Promise((resolve) => setTimeout(resolve, 1100)); // its start is over, as its timeout counts
    await restart(() => {
      const marks = `${node.directory}/run-services/shop.json`;
      if (how === 'damaged') writeFileSync(marks, '{');
      else rmSync(marks);
    });
    expect(await node.paths.request('shop')).toBe(id);
    expect(status()).toMatchObject({ state: 'serving', counters: { failures: {} } });
  });
});

describe('a service whose starts fail', () => {
  const never = new AbortController().signal;
  const backoff = { min: '50ms', max: '50ms' };

  it('is `failing` until an instance gets ready, also when its backoff is over', async () => {
    await apply({ wake: { backoff } });
    node.kernel.fail('containers.create', 'EIO', { phase: 'clone' });
    await node.paths.request('shop');
    expect(status().state).toBe('failing');
    await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
    expect(status().state).toBe('failing');
    await node.paths.request('shop');
    expect(status().state).toBe('serving');
  });

  it('says what its instance did not answer, in the last failure, in the history, and to who wakes it', async () => {
    node.answering.yes = false;
    await apply({ wake: { timeout: '100ms', backoff } });
    const woken = node.services.wake(ROOT, 'shop', never);
    await expect(woken).rejects.toThrow(/was not woken \(timeout\).*did not get ready in 100ms.*nothing listens/);
    expect(status().last_failure?.message).toMatch(/nothing listens$/);
    const ended = (await node.services.history('shop')).decisions.find(({ step }) => step === 'end');
    expect(ended?.why).toMatch(/did not get ready in 100ms \(wake.timeout\): nothing listens/);
  });

  it('tells who wakes it in the backoff why the last start failed', async () => {
    await apply();
    node.kernel.fail('containers.create', 'EIO', { phase: 'clone' });
    await node.paths.request('shop');
    await expect(node.services.wake(ROOT, 'shop', never)).rejects.toThrow(/1 failed start in a row.*EIO/);
  });
});

it('an instance that was thawed gets requests when it answers again', async () => {
  await apply({ idle: { after: '300ms' } });
  const id = await node.paths.request('shop');
  await expect.poll(() => node.runtime.get(id).state).toBe('paused');
  node.answering.yes = false;
  let answer: string | null = null;
  void node.paths.request('shop').then((by) => {
    answer = by;
  });
  await expect.poll(() => node.runtime.get(id).state).toBe('running');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(status().instances).toMatchObject([{ id, phase: 'thawing' }]);
  node.answering.yes = true;
  await expect.poll(() => answer).toBe(id);
});

it('an instance whose route cannot be taken away is not frozen', async () => {
  await apply({ idle: { after: '300ms' } });
  const id = await node.paths.request('shop');
  const route = node.paths.route.bind(node.paths);
  node.paths.route = async (name, to) => {
    if (to.length === 0) throw new Error('no memory');
    await route(name, to);
  };
  await expect.poll(() => status().instances[0]?.phase).not.toBe('routed');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(node.runtime.get(id).state).toBe('running');
});

it('the first instance of another image is of the new revision', async () => {
  await apply();
  await restart(() => {
    const declared = JSON.parse(readFileSync(declarationFile(), 'utf8'));
    declared.input.template.root = { image: 'shop' };
    writeFileSync(declarationFile(), JSON.stringify({ ...declared, imageId: 'before' }));
  });
  node.images.set('shop', 'another');
  const revisions: unknown[] = [];
  const run: typeof node.runtime.run = async (_spec, _caller, of) => {
    revisions.push(of?.revision);
    throw new Error('no such image');
  };
  Object.assign(node.runtime, { run });
  await node.paths.request('shop');
  expect(revisions).toEqual([2]);
});

it('a port below 1024 needs the right to it at each start', async () => {
  const alice = { uid: 1000, gid: 1000, role: 'full' as const };
  const low = { ...SHOP, listen: ['0.0.0.0:80'] };
  const { directory } = node;
  await node.close();
  node = await beginNode({ directory, allowed: { privileged: true } });
  await node.services.apply(alice, 'shop', low, { dryRun: false, now: false });
  await restart(() => {});
  expect(await node.paths.request('shop')).toBe('start-failed');
  expect(status().last_failure).toMatchObject({ reason: 'FORBIDDEN' });
});

describe('a user who is no member of the group any more', () => {
  const alice = { uid: 1000, gid: 1000, role: 'full' as const };
  const applyAsAlice = (fields: object = {}) =>
    node.services.apply(alice, 'shop', { ...SHOP, ...fields }, { dryRun: false, now: false });

  it('starts nothing', async () => {
    Object.assign(node.users, { passwd: 'alice:x:1000:1000::/:/bin/sh\n', group: 'niwa:x:27:bob,alice\n' });
    await applyAsAlice();
    node.users.group = 'niwa:x:27:bob\n';
    expect(await node.paths.request('shop')).toBe('start-failed');
    expect(status().last_failure).toMatchObject({ reason: 'FORBIDDEN', message: expect.stringContaining('user 1000') });
    node.users.group = 'niwa:x:27:alice\n';
    await expect.poll(() => node.paths.get('shop')?.refusing).toBe(null);
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
  });

  it('keeps nothing that was made ahead and cannot be started', async () => {
    Object.assign(node.users, { passwd: 'alice:x:1000:1000::/:/bin/sh\n', group: 'niwa:x:27:alice\n' });
    await applyAsAlice({ ahead: 1 });
    await expect.poll(() => status().ahead.ready).toBe(1);
    node.users.group = 'niwa:x:27:bob\n';
    expect(await node.paths.request('shop')).toBe('start-failed');
    await expect.poll(() => node.runtime.list(), { timeout: 1000 }).toEqual([]);
  });

  it('keeps a membership of which the files have never said anything', async () => {
    await applyAsAlice();
    expect(await node.paths.request('shop')).toMatch(/^shop-/);
  });
});

it('a service that is applied again after its declaration was damaged has its instances', async () => {
  await apply();
  const id = await node.paths.request('shop');
  makeGroup(node, id);
  await restart(() => writeFileSync(declarationFile(), '{'));
  await apply();
  await expect.poll(() => node.paths.routesOf('shop')).toEqual([id]);
  expect(status().instances).toMatchObject([{ id, phase: 'routed' }]);
});

it('failures of another boot delay no start', async () => {
  await apply();
  const id = await node.paths.request('shop');
  node.kernel.end(node.kernel.handleOf(id), { code: 1 });
  await expect.poll(() => status().counters.failures).toEqual({ exited: 1 });
  await restart(() => {
    const path = `${node.directory}/run-services/shop.json`;
    const marks = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...marks, failures: { count: 3, lastUsec: Number.MAX_SAFE_INTEGER / 2 } }));
  });
  expect(await node.paths.request('shop')).toMatch(/^shop-/);
});

it('the flows of UDP to an instance that is frozen are forgotten, so that the next datagram of a steady client thaws it', async () => {
  await apply({ listen: ['0.0.0.0:8053/udp'], idle: { after: '300ms' } });
  const id = await node.paths.request('shop');
  const address = status().instances[0]?.address;
  await expect.poll(() => node.runtime.get(id).state).toBe('paused');
  expect(node.forgotten).toContain(address);
});

it('a client of UDP that goes on sending keeps its instance awake', async () => {
  await apply({ listen: ['0.0.0.0:8053/udp'], idle: { after: '2s' } });
  const id = await node.paths.request('shop');
  const counts = node.paths.get('shop')?.counts ?? expect.fail();
  const sending = setInterval(() => counts.set(id, (counts.get(id) ?? 0) + 1), 100);
  await new Promise((resolve) => setTimeout(resolve, 3500));
  clearInterval(sending);
  expect(status().instances).toMatchObject([{ id, phase: 'routed' }]);
  await expect.poll(() => node.runtime.get(id).state).toBe('paused');
}, 10_000);

describe('what is made ahead for a service', () => {
  const alice = { uid: 1000, gid: 1000, role: 'full' as const };
  const another = (fields: object, caller = ROOT) =>
    node.services.apply(caller, 'other', { ...SHOP, service: 'other', ...fields }, { dryRun: false, now: false });
  const pass = () => new Promise((resolve) => setTimeout(resolve, 50));

  it('is nothing where the address of a new service is taken, however often it is applied', async () => {
    await apply();
    for (let i = 0; i < 3; i++)
      await expect(another({ ahead: 4 }, alice)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await pass();
    expect(node.runtime.list()).toEqual([]);
    await another({ ahead: 1, listen: ['0.0.0.0:8081'] }, alice);
    await expect.poll(() => node.services.get('other').ahead.ready).toBe(1);
  });

  it('is nothing where a new service cannot be written', async () => {
    loseStateDirectory();
    await expect(apply({ ahead: 2 })).rejects.toMatchObject({ code: 'HOST_ERROR' });
    await pass();
    expect(node.runtime.list()).toEqual([]);
  });

  it('is made again by the next niwad', async () => {
    await apply({ ahead: 1 });
    await restart(() => {});
    await expect.poll(() => status().ahead.ready).toBe(1);
  });

  it('keeps no other service waiting when its own is removed while it is made', async () => {
    const letGo = node.kernel.hold('containers.create');
    await apply({ ahead: 1 });
    await expect.poll(() => node.kernel.asked('containers.create')).toHaveLength(1);
    const removed = node.services.remove(ROOT, 'shop');
    await pass(); // it is forgotten now
    const late = setTimeout(letGo, 1000);
    const begun = performance.now();
    await another({});
    expect(performance.now() - begun).toBeLessThan(900);
    clearTimeout(late);
    letGo();
    await removed;
    expect(node.runtime.list()).toEqual([]);
  });
});
