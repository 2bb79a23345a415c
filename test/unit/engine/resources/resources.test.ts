import { describe, expect, it } from 'vitest';
import { Draft } from '../../../../src/engine/resources/resource.js';
import {
  AFTER_EXITED,
  BEFORE_EXITED,
  BEFORE_PLAN,
  BEFORE_PROCESS,
  OF_GONE,
  Resources,
  type ResourcesOptions,
} from '../../../../src/engine/resources/resources.js';
import { firstState } from '../../../../src/engine/saved-state.js';
import { IdPool } from '../../../../src/host/id-pool.js';
import { makePlan } from '../../../../src/plan/plan.js';
import { FakeKernel } from '../../../fake-kernel.js';
import { capableHost, specOf } from '../../support.js';

const LEASE = { bridge: 'b', device: 'bv2', address: '10.0.0.2', address6: null, mac: 'm', hostMac: 'h' };

/** Everything that files and the network would be asked for, in its order. */
function recorded(failing = ''): { calls: string[]; idPool: IdPool; resources: Resources } {
  const calls: string[] = [];
  const recorder = (part: string) =>
    new Proxy(
      {},
      {
        get: (_, name) => () => {
          const call = `${part}.${String(name)}`;
          calls.push(call);
          if (call === failing) throw new Error('no');
          return name === 'take'
            ? Promise.resolve(LEASE)
            : name === 'logOf'
              ? { end: () => {} }
              : name === 'fifosOf'
                ? {}
                : '';
        },
      },
    );
  const idPool = new IdPool(0x7000_0000, 1);
  const parts = ['networks', 'logs', 'states', 'books', 'log'].map((part) => [part, recorder(part)]);
  const options = { ...Object.fromEntries(parts), idPool, kernel: new FakeKernel() } as unknown as ResourcesOptions;
  return { calls, idPool, resources: new Resources(options) };
}

function draftOf(): Draft {
  const spec = specOf({ id: 'web', network: {} });
  const draft = new Draft(spec, 'user 0');
  draft.saved = firstState(spec, makePlan(spec, capableHost), draft, 'boot');
  return draft;
}

describe('a container that is made', () => {
  it('gives all back in the opposite order where nothing comes of it', async () => {
    const { calls, idPool, resources } = recorded('logs.prepare');
    const draft = draftOf();
    await resources.acquire(draft, BEFORE_PLAN);
    expect(() => idPool.take()).toThrow(/all 1 ranges/);
    await expect(resources.acquire(draft, BEFORE_PROCESS)).rejects.toThrow('no');
    await resources.undo(draft);
    expect(calls).toEqual([
      'networks.take',
      'states.add',
      'states.directoryOf',
      'networks.writeFiles',
      'logs.prepare',
      'logs.discard',
      'books.forget',
      'networks.release',
    ]);
    expect(idPool.take()).toEqual(draft.idRange);
  });

  it('gives nothing back that it had not begun to take', async () => {
    const { calls, resources } = recorded('networks.take');
    const draft = draftOf();
    await resources.undo(draft);
    expect(calls).toEqual([]);
    await expect(resources.acquire(draft, BEFORE_PLAN)).rejects.toThrow('no');
    await resources.undo(draft);
    expect(calls).toEqual(['networks.take', 'networks.release']);
  });

  it('takes nothing more after what fails', async () => {
    const { calls, resources } = recorded('states.add');
    await expect(resources.acquire(draftOf(), BEFORE_PROCESS)).rejects.toThrow('no');
    expect(calls).toEqual(['states.add']);
  });
});

describe('a container that is taken over', () => {
  it('has again what was written down, and nobody else gets it before its end', async () => {
    const { calls, idPool, resources } = recorded();
    const draft = draftOf();
    const range = { start: 0x7000_0000, size: 65_536 };
    draft.saved = { ...(draft.saved as NonNullable<Draft['saved']>), idRange: range, lease: LEASE };
    resources.adopt(draft);
    expect([draft.idRange, draft.lease, draft.opened.failure]).toEqual([range, LEASE, null]);
    const files = ['states.directoryOf', 'networks.adoptFiles'];
    expect(calls).toEqual(['networks.adopt', ...files, 'logs.open', 'logs.logOf']);
    expect(() => idPool.take()).toThrow(/ranges of host ids are in use/);
    await resources.release(draft, AFTER_EXITED);
    expect(idPool.take()).toEqual(range);
  });

  it('gives back no ids and no address where it had ended before: others may have them', async () => {
    const { calls, idPool, resources } = recorded();
    const draft = draftOf();
    draft.idRange = idPool.take(); // somebody else's by now
    await resources.release(draft, OF_GONE);
    expect(calls).toEqual(['logs.closeFifos']);
    expect(() => idPool.take()).toThrow();
  });
});

it('gives back the group before the ids and the address, which nobody else may have while a process has them', async () => {
  const left = await recorded().resources.end(draftOf()); // a kernel that lets nothing go
  const names = [...BEFORE_EXITED, ...left, ...AFTER_EXITED].map(([name]) => name);
  expect(names).toEqual(['quota', 'group', 'streams', 'lease', 'idRange', 'output', 'scope', 'groupPlace']);
});
