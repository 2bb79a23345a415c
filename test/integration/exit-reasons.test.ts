// @module-tag vm
import { expect, vi } from 'vitest';
import type { ContainerStatus } from '../../src/client/index.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { needsController, needsFile, PATIENCE } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { test } from './support/test.js';

cleanUpDaemons();

const shell = (script: string) => ({ args: ['sh', '-c', script] });

test.for([0, 1, 42, 255])('exit status %i is told as it is', async (code, { niwad }) => {
  const { exit } = await niwad.run({ process: shell(`exit ${code}`) });
  expect(exit).toMatchObject({ code, signal: null, reason: 'exited' });
});

test('a process that signals itself was signaled', async ({ niwad }) => {
  const { exit } = await niwad.run({ process: shell('kill -USR1 $$'), namespaces: { pid: 'host' } });
  expect(exit).toMatchObject({ code: null, signal: 'SIGUSR1', reason: 'signaled' });
});

test('a segmentation fault ends also the first process of a PID namespace', async ({ niwad, skip }) => {
  const perl = needsFile(skip, '/usr/bin/perl', 'to read from a wrong address');
  const { exit } = await niwad.run({ process: { args: [perl, '-e', 'unpack("p", pack("Q", 1))'] } });
  expect(exit).toMatchObject({ code: null, signal: 'SIGSEGV', reason: 'signaled' });
});

test('what niwa itself did comes before what the status alone would say', async ({ niwad }) => {
  const { client } = niwad;
  const script = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.02; done';
  const reasons = {
    stopped: (id: string) => client.stop(id),
    lifetime: (id: string) => client.setLifetime(id, { remaining: 0 }),
  };
  for (const [reason, end] of Object.entries(reasons)) {
    await niwad.start({ id: reason, process: shell(script) });
    await niwad.says(reason, 'ready');
    await end(reason);
    expect(await client.wait(reason)).toMatchObject({ code: 0, signal: null, reason });
  }
});

test('a signal that was sent and outlived is not the reason of a later end', async ({ niwad }) => {
  await niwad.start({ id: 'outlived', process: shell('trap "exit 3" USR1; echo ready; while :; do sleep 0.02; done') });
  await niwad.says('outlived', 'ready');
  await niwad.client.kill('outlived', 'USR1');
  expect(await niwad.client.wait('outlived')).toMatchObject({ code: 3, signal: null, reason: 'exited' });
});

/** A container whose child the OOM killer has taken, once niwad has told of that. */
async function outliveOom(niwad: Niwad, id: string): Promise<ContainerStatus> {
  const resources = { memory: { max: '24M', oomGroup: false } };
  const status = await niwad.start({ id, process: shell('tail /dev/zero; echo outlived; sleep 1000'), resources });
  await niwad.says(id, 'outlived');
  await vi.waitFor(async () => expect((await niwad.client.stats(id)).usage.memory?.events.oom_kill).toBe(1), PATIENCE);
  return status;
}

test('the OOM kill of a child is not the reason of a later SIGKILL', async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  const { pid } = await outliveOom(niwad, 'child');
  process.kill(pid ?? 0, 'SIGKILL');
  expect(await niwad.client.wait('child')).toMatchObject({ signal: 'SIGKILL', reason: 'signaled' });
});

test('nor where another daemon hears of the end', async ({ skip }) => {
  needsController(skip, 'memory');
  const place = newPlace();
  const first = await startDaemon(place);
  const { pid } = await outliveOom(first, 'child');
  await first.stop();
  process.kill(pid ?? 0, 'SIGKILL');
  const second = await startDaemon(place);
  expect(await second.client.wait('child')).toMatchObject({ signal: 'SIGKILL', reason: 'signaled' });
});

test('a workload below an init that the OOM killer takes ends by it', async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  for (const oomGroup of [false, true]) {
    const resources = { memory: { max: '24M', oomGroup } };
    const { exit, status } = await niwad.run({ process: { args: ['tail', '/dev/zero'] }, init: true, resources });
    expect(exit.reason).toBe('oom');
    if (!oomGroup) expect(exit).toMatchObject({ code: 137, signal: null });
    expect(niwad.ledger(status.id)).toMatchObject([{ reason: 'oom' }]);
  }
});
