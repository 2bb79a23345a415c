import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, vi } from 'vitest';
import type { NiwaError } from '../../src/client/index.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { scriptsIn } from './support/hooks.js';
import { PATIENCE, scaled } from './support/host.js';
import { isAlive, NIWA, type Niwad } from './support/niwad.js';
import { GROUP, test } from './support/test.js';
import { asUser } from './support/user.js';

const sleeper = { args: ['sleep', '1000'] };
const shell = (script: string) => ({ args: ['sh', '-c', script] });

cleanUpDaemons();

/** Nothing is left of a container whose start failed. */
async function expectNothing(niwad: Niwad, id: string): Promise<void> {
  await expect(niwad.client.inspect(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(niwad.groups()).not.toContain(id);
  expect(readdirSync(join(niwad.place.runDir, 'containers'))).not.toContain(id);
  expect(existsSync(join(niwad.place.stateDir, 'logs', id))).toBe(false);
}

const failureOf = (starting: Promise<unknown>) =>
  starting.then(
    () => expect.unreachable('it started'),
    (error: NiwaError) => error,
  );

describe('hooks run on the host', () => {
  test('at every point in order, with the state at that point', async ({ niwad }) => {
    const id = 'hook-points';
    const scripts = scriptsIn(niwad.place, id);
    const hook = scripts.noting();
    const points = ['beforeCreate', 'afterNetwork', 'afterStart', 'onStop', 'afterExit', 'onFailure'] as const;
    const hooks = Object.fromEntries(points.map((point) => [point, [hook]]));
    await niwad.client.create({ id, process: sleeper, hooks, labels: { a: 'b' } });
    expect(scripts.points()).toEqual(['beforeCreate', 'afterNetwork']);
    const { pid } = await niwad.client.start(id);
    expect(scripts.points()).toEqual(['beforeCreate', 'afterNetwork', 'afterStart']);
    await niwad.client.stop(id);
    await vi.waitFor(() => expect(scripts.points()).toEqual(points.slice(0, 5)), PATIENCE);
    expect(scripts.said()).toMatchObject([
      { id, state: 'creating', spec: { labels: { a: 'b' } } },
      { id, state: 'created', pid, started_at: null },
      { id, state: 'running', pid },
      { id, state: 'stopping', pid, exit: null },
      {
        id,
        state: 'exited',
        pid: null,
        exit: { reason: 'stopped' },
        usage: { cpu: { usage_usec: expect.any(Number) } },
      },
    ]);
  });

  test('of the end of a workload that ends by itself: of a failure too where its status is not 0', async ({
    niwad,
  }) => {
    for (const code of [0, 3]) {
      const id = `hook-ends-${code}`;
      const scripts = scriptsIn(niwad.place, id);
      const hooks = {
        onStop: [scripts.noting()],
        onFailure: [scripts.noting()],
        afterExit: [scripts.noting('sleep 0.1')],
      };
      await niwad.run({ id, process: shell(`exit ${code}`), hooks });
      const expected = code === 0 ? ['afterExit'] : ['afterExit', 'onFailure'];
      await vi.waitFor(() => expect(scripts.points()).toEqual(expected), PATIENCE);
    }
  });

  test('outside of all groups of containers, in the namespaces of the host, told which container it is', async ({
    niwad,
  }) => {
    const id = 'hook-host';
    const notes = join(niwad.place.files, id);
    const script = `{ cat /proc/self/cgroup; readlink /proc/self/ns/net /proc/self/ns/mnt; echo $NIWA_ID $NIWA_HOOK $A; ls /proc/self/fd | tr '\\n' ' '; grep SigBlk /proc/self/status; } > ${notes}`;
    const hooks = { afterNetwork: [{ args: ['/bin/sh', '-c', script], env: { A: 'b' } }] };
    await niwad.start({ id, process: sleeper, hooks });
    const text = readFileSync(notes, 'utf8');
    expect(text).not.toContain(`${niwad.place.cgroup}/containers`);
    expect(text).toContain(
      `${readlinkSync('/proc/self/ns/net')}\n${readlinkSync('/proc/self/ns/mnt')}\n${id} afterNetwork b\n`,
    );
    expect(text).toContain(`\n0 1 2 3 SigBlk:\t0000000000000000\n`); // 3 is what ls reads
  });

  test('one may ask niwad about its container, and change it', async ({ niwad }) => {
    const id = 'hook-asks';
    const notes = join(niwad.place.files, id);
    const script = `exec >> ${notes} 2>&1; niwa="${process.execPath} ${NIWA} --socket ${niwad.socket}"
      $niwa inspect ${id} | grep ^state; $niwa update ${id} --lifetime 1h > /dev/null && echo changed`;
    const hook = { args: ['/bin/sh', '-c', script], timeout: '50s' };
    const { deadline_at } = await niwad.start({
      id,
      process: sleeper,
      hooks: { afterNetwork: [hook], afterStart: [hook] },
    });
    expect(readFileSync(notes, 'utf8')).toBe('state: created\nchanged\nstate: running\nchanged\n');
    expect(deadline_at).not.toBeNull();
  });

  test('those of one container one after another, also when the id is used again', async ({ niwad }) => {
    const id = 'hook-again';
    const scripts = scriptsIn(niwad.place, id);
    const hooks = { beforeCreate: [scripts.noting()], afterExit: [scripts.noting('sleep 0.3'), scripts.noting()] };
    await niwad.run({ id, process: shell('exit 0'), hooks });
    await niwad.client.remove(id);
    await niwad.start({ id, process: sleeper, hooks });
    expect(scripts.points()).toEqual(['beforeCreate', 'afterExit', 'afterExit', 'beforeCreate']);
  });
});

describe('a hook that fails', () => {
  test.for(['beforeCreate', 'afterNetwork', 'afterStart'] as const)(
    'at %s fails the start, and nothing is left',
    async (point, { niwad }) => {
      const id = `hook-fails-${point}`;
      const scripts = scriptsIn(niwad.place, id);
      const hooks = {
        [point]: [scripts.noting('echo why; exit 7'), scripts.noting()],
        afterExit: [scripts.noting()],
        onFailure: [scripts.noting()],
      };
      const error = await failureOf(niwad.start({ id, process: sleeper, hooks }));
      expect(error).toMatchObject({ code: 'HOOK_FAILED' });
      expect(error.message).toContain(`its ${point} hook ${hooks[point]?.[0]?.args[0]} failed: exit status 7`);
      expect(niwad.log).toContain('"output":"why"');
      await expectNothing(niwad, id);
      const end = point === 'beforeCreate' ? ['onFailure'] : ['afterExit', 'onFailure'];
      await vi.waitFor(() => expect(scripts.points()).toEqual([point, ...end]), PATIENCE);
      const recorded = niwad.ledger(id).map(({ reason }) => reason);
      expect(recorded).toEqual(point === 'beforeCreate' ? [] : ['start-failed']);
    },
  );

  test('after the start of a created container ends it', async ({ niwad }) => {
    const id = 'hook-fails-later';
    await niwad.client.create({ id, process: sleeper, hooks: { afterStart: [{ args: ['/bin/false'] }] } });
    expect(await failureOf(niwad.client.start(id))).toMatchObject({ code: 'HOOK_FAILED' });
    expect(await niwad.client.inspect(id)).toMatchObject({ state: 'exited', exit: { reason: 'start-failed' } });
  });

  test('and is only to be logged fails nothing, and the next ones run', async ({ niwad }) => {
    const id = 'hook-logs';
    const scripts = scriptsIn(niwad.place, id);
    const args = ['/no/such/program'];
    const hooks = {
      beforeCreate: [{ args, onError: 'log' as const }, scripts.noting()],
      afterStart: [{ ...scripts.noting('exit 9'), onError: 'log' as const }, scripts.noting()],
    };
    expect(await niwad.start({ id, process: sleeper, hooks })).toMatchObject({ state: 'running' });
    expect(scripts.points()).toEqual(['beforeCreate', 'afterStart', 'afterStart']);
    expect(niwad.log).toContain('"failure":"cannot run: ENOENT"');
  });

  test('by its time fails as any other, and its whole group has gone', async ({ niwad }) => {
    const id = 'hook-slow';
    const notes = join(niwad.place.files, id);
    const script = `sh -c 'echo $$ > ${notes}; sleep 1000' & trap "" TERM; wait`;
    const hooks = { afterNetwork: [{ args: ['/bin/sh', '-c', script], timeout: scaled(500) / 1000 }] };
    const error = await failureOf(niwad.start({ id, process: sleeper, hooks }));
    expect(error.message).toContain('it took longer than');
    await expectNothing(niwad, id);
    const left = Number(readFileSync(notes, 'utf8'));
    await vi.waitFor(() => expect(isAlive(left)).toBe(false), PATIENCE);
  });

  test('onFailure runs where nothing could be made', async ({ niwad }) => {
    const id = 'hook-unmade';
    const scripts = scriptsIn(niwad.place, id);
    const spec = {
      id,
      process: { args: ['no-such-program'], cwd: '/no/such' },
      hooks: { onFailure: [scripts.noting()] },
    };
    expect(await failureOf(niwad.start(spec))).toMatchObject({ code: 'START_FAILED' });
    await vi.waitFor(
      () => expect(scripts.said()).toMatchObject([{ hook: 'onFailure', id, state: 'creating' }]),
      PATIENCE,
    );
  });
});

test('a stop does not wait for its hooks', async ({ niwad }) => {
  const id = 'hook-stop';
  const scripts = scriptsIn(niwad.place, id);
  await niwad.start({ id, process: sleeper, hooks: { onStop: [scripts.noting(`sleep ${scaled(3000) / 1000}`)] } });
  const begun = Date.now();
  await niwad.client.stop(id);
  expect(Date.now() - begun).toBeLessThan(scaled(2000));
});

test('interval hooks run again and again, never twice at a time, and end with their container', async ({ niwad }) => {
  const id = 'hook-interval';
  const scripts = scriptsIn(niwad.place, id);
  const slow = scriptsIn(niwad.place, `${id}-slow`);
  const hooks = {
    interval: [
      { ...scripts.noting(), every: '200ms' },
      { ...slow.noting('sleep 1000'), every: '100ms', timeout: '1h' },
    ],
  };
  const begun = Date.now();
  await niwad.start({ id, process: sleeper, hooks });
  await vi.waitFor(() => expect(scripts.points().length).toBeGreaterThanOrEqual(4), PATIENCE);
  expect(scripts.points().length).toBeLessThanOrEqual((Date.now() - begun) / 200);
  expect(slow.points()).toEqual(['interval']);
  await niwad.client.stop(id);
  const count = scripts.points().length;
  await sleep(600);
  expect(scripts.points().length).toBeLessThanOrEqual(count + 1); // one may have been under way
  expect(niwad.log).toContain('it was ended with niwad or its container');
});

test("the daemon's own hooks come first, for every container", async () => {
  const place = newPlace();
  const scripts = scriptsIn(place, 'daemon');
  const script = (name: string) => ({
    args: ['/bin/sh', '-c', `read -r x; echo '{"hook":"${name}"}' >> ${join(place.files, 'daemon.notes')}`],
  });
  writeFileSync(
    place.config,
    JSON.stringify({ hooks: { beforeCreate: [script('theirs')], afterExit: [script('end')] } }),
  );
  const niwad = await startDaemon(place);
  await niwad.run({ id: 'with', process: shell('exit 0'), hooks: { beforeCreate: [script('own')] } });
  await niwad.run({ id: 'without', process: shell('exit 0') });
  await vi.waitFor(() => expect(scripts.points().sort()).toEqual(['end', 'end', 'own', 'theirs', 'theirs']), PATIENCE);
  expect(niwad.log).not.toContain('a hook failed');
});

test('callers other than root may have hooks only where the operator says so', async ({ skip }) => {
  const place = newPlace({ group: GROUP });
  const { args } = scriptsIn(place, 'allowed').noting();
  writeFileSync(place.config, JSON.stringify({ group: GROUP, allow: { hooks: [place.files] } }));
  const niwad = await startDaemon(place);
  const ask = (hooks: object) =>
    asUser(
      niwad,
      skip,
      { uid: 1234, gid: GROUP },
      {
        method: 'POST',
        path: '/v1/containers?wait=true',
        body: { process: { args: ['true'] }, hooks },
      },
    );
  expect(await ask({ onStop: [{ args: ['/bin/true'] }] })).toContain('"path":"hooks.onStop[0].args[0]"');
  expect(await ask({ onStop: [{ args: [join(place.files, '../../../bin/true')] }] })).toContain('403 Forbidden');
  expect(await ask({ onStop: [{ args, env: { LD_PRELOAD: '/x' } }] })).toContain('"path":"hooks.onStop[0].env"');
  expect(await ask({ onStop: [{ args }] })).toMatch(/^HTTP\/1.1 201 Created/);
});

describe('when niwad dies', () => {
  test.for(['exit-saved', 'exit-told', 'exit-hooks-run'])(
    'at %s the hooks of the end run at least once, and then no more',
    async (point) => {
      const place = newPlace();
      const scripts = scriptsIn(place, 'end');
      const hooks = { afterExit: [scripts.noting()], onFailure: [scripts.noting()] };
      const first = await startDaemon(place, { NIWA_CRASH_AT: point });
      await first.client.create({ id: 'end', process: shell('exit 3'), hooks }, { start: true }).catch(() => {});
      expect(await first.ended()).toBe('SIGKILL');
      const before = scripts.points().length;
      expect(before).toBe(point === 'exit-hooks-run' ? 2 : 0);
      const second = await startDaemon(place);
      await vi.waitFor(() => expect(scripts.points().slice(before)).toEqual(['afterExit', 'onFailure']), PATIENCE);
      expect(scripts.said().at(-1)).toMatchObject({ id: 'end', exit: { code: 3 } });
      await second.stop();
      await (await startDaemon(place)).stop();
      expect(scripts.points()).toHaveLength(before + 2);
    },
  );

  test.for([false, true])(
    'by a hook of an end, that is given up after three times (autoRemove: %s)',
    async (autoRemove) => {
      const place = newPlace();
      const scripts = scriptsIn(place, 'deadly');
      const hooks = { afterExit: [scripts.noting('kill -9 $PPID; sleep 1')] };
      const first = await startDaemon(place);
      const spec = { id: 'deadly', process: shell('exit 0'), hooks, autoRemove };
      await first.client.create(spec, { start: true }).catch(() => {});
      expect(await first.ended()).toBe('SIGKILL');
      for (let tries = 2; tries <= 3; tries++) {
        const next = await startDaemon(place).catch(() => undefined); // it may end before it listens
        await next?.ended();
        expect(scripts.points()).toHaveLength(tries);
      }
      const last = await startDaemon(place);
      const events = last.client.events();
      expect((await events.next()).value).toMatchObject({ type: 'hooks-given-up', id: 'deadly' });
      await events.return(undefined);
      expect(last.log).toContain('the hooks of an end are given up');
      expect((await last.client.list()).map(({ id }) => id)).toEqual(autoRemove ? [] : ['deadly']);
      await last.stop();
      await (await startDaemon(place)).stop();
      expect(scripts.points()).toHaveLength(3);
    },
  );

  test('interval hooks go on with the next, and the end that nobody saw has its hooks', async () => {
    const place = newPlace();
    const scripts = scriptsIn(place, 'goes-on');
    const hooks = { interval: [{ ...scripts.noting(), every: '200ms' }], afterExit: [scripts.noting()] };
    const first = await startDaemon(place);
    const { pid } = await first.start({ id: 'goes-on', process: sleeper, hooks });
    await first.stop('SIGKILL');
    const before = scripts.points().length;
    const second = await startDaemon(place);
    await vi.waitFor(() => expect(scripts.points().length).toBeGreaterThan(before + 1), PATIENCE);
    await second.stop('SIGKILL');
    process.kill(pid ?? 0, 'SIGKILL');
    await startDaemon(place);
    await vi.waitFor(() => expect(scripts.points()).toContain('afterExit'), PATIENCE);
  });

  test('at its end niwad waits for hooks, but not for those of an interval', async () => {
    const place = newPlace();
    const scripts = scriptsIn(place, 'ends');
    const endless = { args: ['/bin/sleep', '1000'], every: '100ms', timeout: '1h' };
    const niwad = await startDaemon(place);
    const wait = scaled(500) / 1000;
    const afterExit = [scripts.noting(`sleep ${wait}; touch ${join(place.files, 'done')}`)];
    await niwad.start({ id: 'ticks', process: sleeper, hooks: { interval: [endless] } });
    await niwad.run({ id: 'ends', process: shell('exit 0'), hooks: { afterExit } });
    const begun = Date.now();
    expect(await niwad.stop()).toBe(0);
    expect(existsSync(join(place.files, 'done'))).toBe(true);
    expect(Date.now() - begun).toBeLessThan(scaled(20_000));
  });
});
