// @module-tag vm
import { readdirSync, readFileSync } from 'node:fs';
import { expect, vi } from 'vitest';
import type { ContainerStatus } from '../../src/client/index.js';
import { PATIENCE } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { test } from './support/test.js';

const shell = (script: string) => ({ args: ['sh', '-c', script] });

test('stays as the first process, and the workload is its child', async ({ niwad }) => {
  expect(await niwad.sh('cat /proc/1/comm; echo $PPID', { init: true })).toBe('niwa-init\n1');
  // Its standard input is the workload's alone: held open here, too, its pipe would never break.
  const { id, pid } = await niwad.start({ process: { args: ['sleep', '1000'] }, init: true });
  await vi.waitFor(() => expect(readdirSync(`/proc/${pid}/fd`)).toEqual(['1', '2']), PATIENCE);
  await niwad.client.remove(id, { force: true });
});

test('reaps orphans, which a workload alone leaves as zombies', async ({ niwad }) => {
  const process = shell('(sleep 0.1 &); exec sleep 1000');
  const alone = await niwad.start({ id: 'alone', process });
  const reaped = await niwad.start({ id: 'reaped', process, init: true });
  const children = ({ pid }: ContainerStatus) => {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return { all: pids.length, alive: pids.filter(isAlive).length };
  };
  await vi.waitFor(() => expect(children(alone)).toEqual({ all: 1, alive: 0 }), PATIENCE);
  await vi.waitFor(() => expect(children(reaped)).toEqual({ all: 1, alive: 1 }), PATIENCE);
  for (const id of ['alone', 'reaped']) await niwad.client.remove(id, { force: true });
});

test('forwards signals, and ends as the workload ends', async ({ niwad }) => {
  const script = 'trap "echo heard" USR1; trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done';
  await niwad.start({ id: 'forwards', process: shell(script), init: true });
  await niwad.says('forwards', 'ready');
  await niwad.client.kill('forwards', 'USR1');
  await niwad.says('forwards', 'heard');
  expect((await niwad.client.stop('forwards')).exit).toMatchObject({ code: 9, reason: 'stopped' });
});

test('tells the signal that ended the workload as a shell does', async ({ niwad }) => {
  const { exit } = await niwad.run({ process: shell('kill -SEGV $$'), init: true });
  expect(exit).toMatchObject({ code: 128 + 11, signal: null, reason: 'exited' });
});

test('takes the rest with it when the workload exits', async ({ niwad }) => {
  const { exit } = await niwad.run({ process: shell('setsid sleep 1000 & exit 2'), init: true });
  expect(exit).toMatchObject({ code: 2, reason: 'exited' });
});
