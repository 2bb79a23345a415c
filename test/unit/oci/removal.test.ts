import { expect, onTestFinished, test, vi } from 'vitest';
import type { Container } from '../../../src/engine/container.js';
import type { Connection } from '../../../src/oci/connection.js';
import { removeUnlessGone, undoStart } from '../../../src/oci/removal.js';
import type { VerbParts } from '../../../src/oci/verb-parts.js';

const forEver = new Promise<never>(() => {});
const connection = {} as Connection;

/** What a removal acts on, where nothing ends. @param hasEnded whether the kernel says that the process has ended */
function stuckParts(hasEnded: boolean) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const [stop, remove, take, warn] = [vi.fn(() => forEver), vi.fn(), vi.fn(), vi.fn()];
  const runtime = { stop, remove };
  const births = { hasEnded: () => hasEnded };
  const parts = { runtime, kernel: { births }, lateHooks: { take }, log: { warn } } as never as VerbParts;
  return { parts, stop, remove, take, warn };
}

const stuck = (fields: object) =>
  ({ id: 'aaaaaaaaaaaa', exited: forEver, spec: { oci: { id: 'stuck' } }, ...fields }) as never as Container;
const RUNNING = stuck({ state: 'running', hasEnded: false, life: { hasStarted: true } });
const UNRECORDED = stuck({ state: 'stopping', hasEnded: true, life: { hasStarted: true } });

async function errorAfterAMinute(action: Promise<unknown>): Promise<unknown> {
  const settled = action.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(60_000);
  return await settled;
}

test('a container whose processes do not end is refused in time, and keeps its hooks', async () => {
  const { parts, remove, take } = stuckParts(false);
  expect(await errorAfterAMinute(removeUnlessGone(parts, RUNNING, connection))).toMatchObject({
    code: 'STATE_CONFLICT',
    message: expect.stringMatching(/^container stuck has not ended 30 s after SIGKILL: .*state D.* Delete it again/),
  });
  expect(take).not.toHaveBeenCalled();
  expect(remove).not.toHaveBeenCalled();
});

test.for([
  ['while it is stopped', false],
  ['that had ended before', true],
] as const)('the record of a container %s that cannot be written is the cause that is told', async ([, hasEnded]) => {
  const { parts, stop, remove } = stuckParts(hasEnded);
  expect(await errorAfterAMinute(removeUnlessGone(parts, UNRECORDED, connection))).toMatchObject({
    code: 'STATE_CONFLICT',
    message: expect.stringMatching(/^container stuck has ended, but its record could not be written .*log of niwad/),
  });
  expect(stop).toHaveBeenCalledTimes(hasEnded ? 0 : 1);
  expect(remove).not.toHaveBeenCalled();
});

test('a container that could not be started, and does not end, is a warning in the log', async () => {
  const { parts, warn } = stuckParts(false);
  expect(await errorAfterAMinute(undoStart(parts, RUNNING, connection))).toBeUndefined();
  const about = { id: RUNNING.id, err: expect.objectContaining({ code: 'STATE_CONFLICT' }) };
  expect(warn).toHaveBeenCalledWith(about, expect.stringContaining('is not removed'));
});
