import { describe, expect, it } from 'vitest';
import { mend, type Remains } from '../../../src/containers/mend.js';
import { firstState } from '../../../src/engine/saved-state.js';
import { makePlan } from '../../../src/plan/plan.js';
import type { UsageRecord } from '../../../src/protocol/record.js';
import { capableHost, specOf } from '../support.js';

const RANGE = { start: 0x7001_0000, size: 65_536 };
const gone: Remains = {
  cgroup: '/sys/fs/cgroup/niwa/containers/hurt',
  bootId: 'boot',
  kept: false,
  oldest: null,
  lease: null,
  interim: undefined,
};
const living: Remains = { ...gone, oldest: { pid: 77, startTicks: 500n, bornNs: 5_000_000_000n, idRange: RANGE } };
const interim = {
  type: 'interim',
  run: '11111111-2222-3333-4444-555555555555',
  id: 'hurt',
  owner: 'alice',
  labels: { app: 'x' },
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: '2026-01-01T00:00:01.000Z',
} as unknown as UsageRecord;

function whole() {
  const spec = specOf({ id: 'hurt', owner: 'bob', lifetime: '1h' });
  const own = { idRange: capableHost.idRange, lease: null };
  return { ...firstState(spec, makePlan(spec, capableHost), own, 'boot'), phase: 'started', pid: 5, deadlineNs: '9' };
}

const damaged = (said: unknown) => ({ id: 'hurt', reason: 'it is damaged', said });

describe('a state that says nothing', () => {
  it('becomes that of the oldest process in the group, which has started', () => {
    expect(mend(damaged(undefined), living)).toMatchObject({
      phase: 'started',
      bootId: 'boot',
      cgroup: gone.cgroup,
      pid: 77,
      startTicks: '500',
      startedNs: '5000000000',
      deadlineNs: '0',
      idRange: RANGE,
      userns: { uids: [{ container: 0, host: RANGE.start, size: RANGE.size }] },
      spec: { id: 'hurt', owner: null },
    });
  });

  it('leaves the process to the keeper, where that has it', () => {
    expect(mend(damaged({}), { ...living, kept: true })).toMatchObject({ pid: 0, startedNs: '0', idRange: RANGE });
  });

  it('goes on with the run that the ledger knows', () => {
    const { run, createdAt, startedAt, spec } = mend(damaged([]), { ...living, interim });
    expect({ run, createdAt, startedAt, owner: spec.owner, labels: spec.labels }).toEqual({
      run: interim.run,
      createdAt: interim.created_at,
      startedAt: interim.started_at,
      owner: 'alice',
      labels: { app: 'x' },
    });
  });

  it('keeps the name that the ledger knows from its engine, so that the engine finds it and the bill names it', () => {
    const oci = { id: 'web', root: '/run/niwa-oci' };
    expect(mend(damaged([]), { ...living, interim: { ...interim, oci } }).spec.oci).toMatchObject(oci);
    expect(mend(damaged([]), { ...living, interim }).spec.oci).toBeUndefined();
  });

  it('has the place on the bridge that was found', () => {
    const lease = { bridge: 'b', device: 'bv2', address: '10.0.0.2', address6: null, mac: 'm', hostMac: 'h' };
    const state = mend(damaged('{}'), { ...living, lease });
    expect([state.lease, state.spec.network?.address]).toEqual([lease, '10.0.0.2']);
  });
});

describe('a state of which a part is damaged', () => {
  it.each<[string, object]>([
    ['a bad number', { startedNs: 'soon' }],
    ['a bad spec', { spec: { ...whole().spec, process: 7 } }],
    ['a bad signal', { spec: { ...whole().spec, stopSignal: 'SIGNO' } }],
    ['a bad owner of ids', { idRange: { start: -1 } }],
  ])('keeps the rest: %s', (_, bad) => {
    const state = whole();
    const mended = mend(damaged({ ...state, ...bad }), { ...living, interim });
    expect(mended).toMatchObject({
      run: state.run,
      deadlineNs: '9',
      pid: 77,
      spec: { owner: 'bob', lifetimeUsec: 3600e6, stopSignal: 'SIGTERM' },
    });
  });

  it('has ended only where no process is left and its exit is known', () => {
    const exit = { code: 0, signal: null, reason: 'exited', at: '2026-01-01T00:00:00.000Z' };
    const state = { ...whole(), phase: 'exited', startedNs: null };
    expect(mend(damaged({ ...state, exit }), gone).phase).toBe('exited');
    expect(mend(damaged(state), gone).phase).toBe('started');
    expect(mend(damaged({ ...state, exit }), living).phase).toBe('started');
  });
});
