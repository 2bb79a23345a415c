import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Caller, ROOT } from '../../../../src/access/allowed.js';
import type { RuntimeEvent } from '../../../../src/protocol/events.js';
import { beginNode, type FakeNode, type NodeSettings } from '../../services/node.js';
import { changeState } from '../../support.js';

const ANN: Caller = { uid: 1000, gid: 1000, role: 'full' };
const BOB: Caller = { uid: 1001, gid: 1001, role: 'full' };
const FAST = { min: '10ms', max: '1s' };
const specOf = (restart?: object, more: object = {}) => ({
  id: 'web',
  process: { args: ['/bin/true'] },
  ...(restart === undefined ? {} : { restart: { backoff: FAST, ...restart } }),
  ...more,
});

let node: FakeNode;
let told: RuntimeEvent[];

async function begin(settings?: NodeSettings): Promise<void> {
  node = await beginNode(settings);
  told = [];
  node.runtime.subscribe((event) => told.push(event));
}

beforeEach(() => begin());
afterEach(async () => {
  await node.close();
  rmSync(node.directory, { recursive: true });
});

/** Lets this niwad go, and the next one begin with what is on the disk. */
async function replace(settings: NodeSettings = {}): Promise<void> {
  await node.close();
  await begin({ directory: node.directory, ...settings });
}

const web = () => node.runtime.get('web');
const types = () => told.map(({ type }) => type);
const endWith = async (code: number) => {
  const container = web();
  node.kernel.end(container.handle, { code });
  return await container.exited;
};
const runs = (count: number) =>
  expect.poll(() => [web().state, web().status().restarts.count]).toEqual(['running', count]);
/** Long enough for a restart that would come. */
const staysEnded = async () => {
  await sleep(60);
  expect(web()).toMatchObject({ state: 'exited' });
};
async function finals() {
  const records = [];
  for await (const record of node.ledger.records({ since: '2000', until: null }))
    if (record.type === 'final') records.push(record);
  return records;
}

describe('a restart policy', () => {
  it('starts the container again as a run with a record and an event of its own', async () => {
    await node.runtime.run(specOf({ policy: 'on-failure' }), ROOT);
    const first = web();
    await endWith(3);
    await runs(1);
    expect(web().run).not.toBe(first.run);
    await endWith(0);
    await staysEnded();
    expect(await finals()).toMatchObject([
      { id: 'web', run: first.run, code: 3 },
      { id: 'web', run: web().run, code: 0 },
    ]);
    expect(types()).toEqual(['create', 'start', 'exit', 'restarting', 'create', 'start', 'exit']);
    expect(node.runtime.list()).toHaveLength(1);
  });

  it('gives a new deadline after a lifetime', async () => {
    await node.runtime.run(specOf({ policy: 'always' }, { lifetime: '1h' }), ROOT);
    const { deadlineNs } = web().life;
    node.kernel.end(web().handle, { cause: 1, code: -1, signal: 15 });
    await runs(1);
    expect(web().life.deadlineNs).toBeGreaterThan(deadlineNs);
  });

  it('keeps the changes of a user: limits and lifetime', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    await node.runtime.update('web', { pids: 20 }, ROOT);
    await node.runtime.setLifetime('web', ROOT, { lifetimeUsec: 3.6e9 });
    await endWith(1);
    await runs(1);
    expect(web().spec).toMatchObject({ resources: { pids: 20 }, lifetimeUsec: 3.6e9 });
  });

  it('gives up after the most restarts in a row', async () => {
    await node.runtime.run(specOf({ policy: 'always', max: 1 }), ROOT);
    await endWith(1);
    await runs(1);
    await endWith(1);
    await staysEnded();
    expect(types().at(-1)).toBe('restarts-given-up');
  });

  it('is not kept waiting by what ended before: one that waits is never surplus', async () => {
    await node.runtime.run(specOf({ policy: 'always', backoff: { min: '1h', max: '1h' } }), ROOT);
    await endWith(1);
    for (let i = 0; i < 12; i++) {
      const { handle, exited } = await node.runtime.run({ process: { args: ['/bin/true'] } }, ROOT);
      node.kernel.end(handle);
      await exited;
    }
    await vi.waitFor(() => expect(node.runtime.list()).toHaveLength(11));
    expect(web().status().restarts.next_at).not.toBeNull();
  });

  it('tries again after a restart that the kernel refuses', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    node.kernel.fail('containers.create', 'EAGAIN', { phase: 'clone' });
    await endWith(1);
    await runs(1);
    expect(types().filter((type) => type === 'restarting')).toHaveLength(2);
    expect(types()).toContain('start-failed');
  });

  it('does not wait for the restarts of another user that hang', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    const made = () => node.kernel.asked('containers.create').length;
    const hanging = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      const { handle } = await node.runtime.run(specOf({ policy: 'always' }, { id }), ANN);
      const before = made();
      const letGo = node.kernel.hold('containers.create');
      node.kernel.end(handle, { code: 1 });
      await sleep(60);
      if (made() > before) hanging.push(letGo);
      else letGo(); // it waits for a turn
    }
    await endWith(1);
    await runs(1);
    for (const letGo of hanging) letGo();
  });

  it('comes back when a drain is over', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    node.runtime.drain(ROOT);
    await endWith(1);
    await expect.poll(() => web().status().restarts.failure).toMatch('drained');
    expect(web().runs.state.inRow).toBe(1);
  });
});

describe('a stop', () => {
  it.each(['always', 'unless-stopped', 'on-failure'])('holds with %s', async (policy) => {
    await node.runtime.run(specOf({ policy }), ROOT);
    await node.runtime.stop('web', ROOT);
    await staysEnded();
    expect(web().status().restarts).toMatchObject({ stopped: true, next_at: null });
  });

  it('ends the waiting for a restart; a second one is refused', async () => {
    await node.runtime.run(specOf({ policy: 'always', backoff: { min: '1h', max: '1h' } }), ROOT);
    await endWith(1);
    await expect.poll(() => web().status().restarts.next_at).not.toBeNull();
    await node.runtime.stop('web', ROOT);
    expect(web().status().restarts).toMatchObject({ stopped: true, next_at: null });
    await expect(node.runtime.stop('web', ROOT)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  it('waits for a restart that is under way, and ends it', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    const answer = node.kernel.hold('containers.create');
    await endWith(1);
    await expect.poll(() => node.kernel.asked('containers.create')).toHaveLength(2);
    const stopping = node.runtime.stop('web', ROOT);
    answer();
    await stopping;
    await staysEnded();
    expect(web().status().restarts).toMatchObject({ count: 1, stopped: true });
  });

  it('is what SIGKILL and the stop signal by hand are, and no other signal', async () => {
    for (const [signal, isStopped] of [
      ['SIGKILL', true],
      ['SIGTERM', true],
      ['SIGHUP', false],
    ] as const) {
      await node.runtime.run(specOf({ policy: 'always', backoff: { min: '1h', max: '1h' } }), ROOT);
      node.runtime.kill('web', ROOT, signal);
      await endWith(0);
      expect(web().status().restarts.stopped).toBe(isStopped);
      await node.runtime.remove('web', ROOT, { force: false });
    }
  });
});

describe('a removal', () => {
  it('ends the waiting for a restart', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    await endWith(1);
    await node.runtime.remove('web', ROOT, { force: false });
    await sleep(60);
    expect(node.runtime.list()).toEqual([]);
    expect(existsSync(join(node.directory, 'restarts/web.json'))).toBe(false);
  });

  it('with force ends a restart that is under way', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    const answer = node.kernel.hold('containers.create');
    await endWith(1);
    await expect.poll(() => node.kernel.asked('containers.create')).toHaveLength(2);
    const removing = node.runtime.remove('web', ROOT, { force: true });
    answer();
    await removing;
    expect(node.runtime.list()).toEqual([]);
  });
});

describe('a start by hand', () => {
  it('starts one that has ended, without a policy too, and keeps its place in the list', async () => {
    await node.runtime.run(specOf(), ROOT);
    await node.runtime.create({ id: 'other', process: { args: ['/bin/true'] } }, ROOT);
    await endWith(1);
    const { run } = web();
    await node.runtime.start('web', ROOT);
    expect(web()).toMatchObject({ state: 'running', exit: null });
    expect(node.runtime.list().map(({ id }) => id)).toEqual(['web', 'other']);
    expect(web().run).not.toBe(run);
  });

  it('leaves one whose making fails as it was, here and for the next niwad', async () => {
    await node.runtime.run(specOf(), ROOT);
    const exit = await endWith(7);
    node.kernel.fail('containers.create', 'ENOMEM', { phase: 'clone' });
    await expect(node.runtime.start('web', ROOT)).rejects.toMatchObject({ code: 'START_FAILED' });
    expect(web().exit).toEqual(exit);
    await replace();
    expect(web().exit).toEqual(exit);
    await node.runtime.start('web', ROOT);
    expect(web().state).toBe('running');
  });

  it('clears a stop', async () => {
    await node.runtime.run(specOf({ policy: 'unless-stopped' }), ROOT);
    await node.runtime.stop('web', ROOT);
    await node.runtime.start('web', ROOT);
    await endWith(0);
    await runs(2);
  });

  it('comes before the restart that is due later, and there is one run', async () => {
    await node.runtime.run(specOf({ policy: 'always', backoff: { min: '20ms', max: '1s' } }), ROOT);
    await endWith(1);
    await Promise.all([node.runtime.start('web', ROOT), node.runtime.start('web', ROOT)]);
    await sleep(60);
    expect(web().status().restarts.count).toBe(1);
    expect(node.kernel.asked('containers.create')).toHaveLength(2);
  });

  it('is refused for an instance of a service, and for one that is removed at its end', async () => {
    await node.runtime.run(specOf(), ROOT, { name: 'shop', revision: 1 });
    await endWith(0);
    await expect(node.runtime.start('web', ROOT)).rejects.toThrow('instance of service shop');
    const { id } = await node.runtime.run({ id: 'once', process: { args: ['/bin/true'] }, autoRemove: true }, ROOT);
    await expect(node.runtime.restart(id, ROOT)).rejects.toThrow('autoRemove');
    expect(node.runtime.get(id).state).toBe('running');
  });
});

describe('a restart by hand', () => {
  it('stops and starts', async () => {
    await node.runtime.run(specOf(), ROOT);
    const { run } = web();
    await node.runtime.restart('web', ROOT, { timeoutUsec: 0 });
    expect(web()).toMatchObject({ state: 'running' });
    expect(await finals()).toMatchObject([{ run, reason: 'stopped' }]);
    expect(web().run).not.toBe(run);
  });

  it('starts one that was created', async () => {
    await node.runtime.create(specOf(), ROOT);
    await node.runtime.restart('web', ROOT);
    expect(web().status()).toMatchObject({ state: 'running', restarts: { count: 0 } });
  });

  it('counts once where a policy would have started it, too', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    await node.runtime.restart('web', ROOT, { timeoutUsec: 0 });
    await sleep(60);
    expect(web().status()).toMatchObject({ state: 'running', restarts: { count: 1, stopped: false } });
  });
});

describe('the rights of a restart are those of its author today', () => {
  it('it is refused when the user has left the group, and comes when the user is back', async () => {
    node.users.passwd = 'ann:x:1000:1000::/:/bin/sh\n';
    node.users.group = 'niwa:x:27:ann\n';
    await node.runtime.run(specOf({ policy: 'always' }), ANN);
    node.users.group = 'niwa:x:27:\n';
    await endWith(1);
    await expect.poll(() => web().status().restarts.failure).toMatch('is no member');
    node.users.group = 'niwa:x:27:ann\n';
    await runs(1);
  });

  it('it is refused when the next niwad allows less', async () => {
    const privileged = { capabilities: { add: ['SETFCAP'] } };
    await replace({ allowed: { privileged: true } });
    await node.runtime.run(specOf({ policy: 'always' }, privileged), ANN);
    await replace();
    await expect.poll(() => web().status().restarts.failure).toMatch('user 1000 may not ask for this');
    expect(node.kernel.asked('containers.create')).toEqual([]);
    await expect(node.runtime.start('web', ANN)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(node.runtime.start('web', ROOT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('another user starts only what that user could ask for', async () => {
    await node.runtime.run(specOf(undefined, { capabilities: { add: ['SETFCAP'] } }), ROOT);
    await endWith(0);
    await expect(node.runtime.start('web', BOB)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await node.runtime.start('web', ROOT);
    await expect(node.runtime.restart('web', BOB)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(web().state).toBe('running');
  });
});

describe('the next niwad', () => {
  it('starts once what waits', async () => {
    await node.runtime.run(specOf({ policy: 'on-failure', backoff: { min: '300ms', max: '1s' } }), ROOT);
    await endWith(1);
    await replace();
    expect(web().status().restarts.next_at).not.toBeNull();
    await runs(1);
    await sleep(60);
    expect(node.kernel.asked('containers.create')).toHaveLength(1);
  });

  it.each([
    ['always', 'running'],
    ['unless-stopped', 'exited'],
    ['on-failure', 'exited'],
  ])('finds one with %s that was stopped: %s', async (policy, state) => {
    await node.runtime.run(specOf({ policy }), ROOT);
    await node.runtime.stop('web', ROOT);
    await replace();
    await sleep(60);
    expect(web().state).toBe(state);
  });

  it('starts again one whose restart was cut off', async () => {
    await node.runtime.run(specOf({ policy: 'always' }), ROOT);
    await endWith(1);
    await runs(1);
    await node.close();
    await changeState(node.directory, 'web', { phase: 'making' });
    await begin({ directory: node.directory });
    await runs(2);
    expect((await finals()).map(({ reason }) => reason)).toEqual(['exited', 'start-failed']);
  });

  it('after a start of the machine has nothing in its run directory, and starts what has a policy', async () => {
    await node.runtime.run(specOf({ policy: 'unless-stopped' }), ROOT);
    await node.runtime.run({ ...specOf({ policy: 'unless-stopped' }), id: 'stopped' }, ROOT);
    await node.runtime.stop('stopped', ROOT);
    await node.runtime.create({ ...specOf({ policy: 'always' }), id: 'created' }, ROOT);
    await node.runtime.run({ id: 'plain', process: { args: ['/bin/true'] } }, ROOT);
    const { run } = web();
    await node.close();
    for (const name of ['containers', 'states']) rmSync(join(node.directory, name), { recursive: true });
    await begin({ directory: node.directory });
    await runs(1);
    expect(node.runtime.list().map(({ id, state }) => [id, state])).toEqual([
      ['web', 'running'],
      ['stopped', 'exited'],
    ]);
    expect((await finals()).filter((record) => record.run === run)).toMatchObject([{ reason: 'unknown' }]);
  });
});
