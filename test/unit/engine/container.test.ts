import { expect, it } from 'vitest';
import { sumIo } from '../../../src/accounting/block-io.js';
import { toUsage } from '../../../src/accounting/usage.js';
import { Container } from '../../../src/engine/container.js';
import { firstState } from '../../../src/engine/saved-state.js';
import type { SavedState } from '../../../src/engine/saved-state-types.js';
import { ContainerLog } from '../../../src/logs/log.js';
import { makePlan } from '../../../src/plan/plan.js';
import { FakeKernel } from '../../fake-kernel.js';
import { capableHost, specOf } from '../support.js';

const EXIT = { code: 0, signal: null, reason: 'exited', at: '2026-01-01T00:00:00.000Z' } as const;
const USAGE = toUsage(
  new Float64Array(0),
  new Map(),
  sumIo([], () => []),
);

function gone(fields: Partial<SavedState> = {}, kernel = new FakeKernel()): Container {
  const spec = specOf({ id: 'web', lifetime: 60, ready: { command: ['true'] } });
  const saved = firstState(spec, makePlan(spec, capableHost), { idRange: null, lease: null }, 'boot');
  const container = Container.gone(kernel, { ...saved, ...fields }, new ContainerLog('/', () => {}));
  container.meter.takeRecorded(USAGE);
  return container;
}

it('has another spec after a change; the one before stays as it was', () => {
  const container = gone();
  const { spec } = container;
  container.changeSpec({ lifetimeUsec: null });
  expect([spec.lifetimeUsec, container.spec.lifetimeUsec]).toEqual([60e6, null]);
  expect(container.spec).toEqual({ ...spec, lifetimeUsec: null });
});

it('shows in the list what has changed, and the same as when it is inspected', () => {
  const container = gone();
  expect(JSON.parse(container.view.text())).toMatchObject({ state: 'stopping', spec: { lifetimeUsec: 60e6 } });
  container.changeSpec({ lifetimeUsec: 1e6 });
  container.takeEnd(EXIT, USAGE);
  const shown = { state: 'exited', pid: null, exit: EXIT, ready: { state: 'failed', at: EXIT.at } };
  expect(JSON.parse(container.view.text())).toMatchObject({ ...shown, spec: { lifetimeUsec: 1e6 } });
  expect(JSON.parse(container.view.text())).toEqual(JSON.parse(JSON.stringify(container.status())));
  expect(JSON.parse(container.view.answerText())).toEqual(JSON.parse(JSON.stringify(container.status())));
});

it('goes on ending where it cannot be killed now: what else a failed start undoes is undone', () => {
  const kernel = new FakeKernel();
  kernel.failAlways('containers.kill', 'EMFILE');
  const { control, life } = gone({}, kernel);
  control.end();
  expect([kernel.asked('containers.kill'), life.state]).toEqual([['containers.kill'], 'stopping']);
});

it('goes on with what an earlier niwad has saved', () => {
  const ready = { state: 'ready', at: '2026-01-01T00:00:00.000Z', took_usec: 5 } as const;
  const container = gone({ ready, hooksDone: false, hookTries: 2, sentSignal: 9, outlivedOomKills: 3 });
  const { endHooks, control, meter } = container;
  expect([container.ready, endHooks.areDone, endHooks.tries]).toEqual([ready, false, 2]);
  expect([control.sentSignal, meter.outlivedOomKills]).toEqual([9, 3]);
});
