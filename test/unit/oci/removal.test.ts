import { expect, onTestFinished, test, vi } from 'vitest';
import type { Container } from '../../../src/engine/container.js';
import type { Connection } from '../../../src/oci/connection.js';
import { removeUnlessGone } from '../../../src/oci/removal.js';
import type { VerbParts } from '../../../src/oci/verb-parts.js';

test('a container whose processes do not end is refused in time, and keeps its hooks', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const [remove, take] = [vi.fn(), vi.fn()];
  const parts = { runtime: { stop: () => new Promise(() => {}), remove }, lateHooks: { take } } as never as VerbParts;
  const stuck = { id: 'aaaaaaaaaaaa', state: 'running', spec: { oci: { id: 'stuck' } } } as never as Container;
  const removed = removeUnlessGone(parts, stuck, {} as Connection).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await removed).toMatchObject({
    code: 'STATE_CONFLICT',
    message: expect.stringMatching(/^container stuck has not ended 30 s after SIGKILL: .* Delete it again/),
  });
  expect(take).not.toHaveBeenCalled();
  expect(remove).not.toHaveBeenCalled();
});
