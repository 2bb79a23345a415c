import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOTHING_ALLOWED, ROOT } from '../../../src/access/allowed.js';
import { Membership } from '../../../src/access/membership.js';
import { Ledger } from '../../../src/accounting/ledger.js';
import { EventLog } from '../../../src/containers/events/event-log.js';
import { Runtime } from '../../../src/containers/runtime.js';
import { StateStore } from '../../../src/engine/state-store.js';
import { IdPool } from '../../../src/host/id-pool.js';
import { ImageStore } from '../../../src/images/store.js';
import { DEFAULT_NETWORK } from '../../../src/installation/defaults.js';
import { LogStore } from '../../../src/logs/store.js';
import { Networks } from '../../../src/network/networks.js';
import type { NiwaError } from '../../../src/protocol/errors.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { VolumeStore } from '../../../src/volumes/store.js';
import { FakeKernel } from '../../fake-kernel.js';
import { capableHost, changeState } from '../support.js';

/** The lines of the log since the beginning of a test. */
const said: string[] = [];
const log = pino({ level: 'error' }, { write: (line) => said.push(line) });
const SPEC = { id: 'web', process: { args: ['/bin/true'] } };
const allowed = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED };
const users = { passwd: '', group: '' };
let directory: string;
const at = (name: string) => join(directory, name);

interface Niwad {
  kernel: FakeKernel;
  runtime: Runtime;
  idPool: IdPool;
  ledger: Ledger;
  events: EventLog;
}
let niwad: Niwad;

/** A niwad in this process, with the files that one before has left. */
async function begin(kernel = new FakeKernel()): Promise<Niwad> {
  const ledger = await Ledger.open(at('ledger'), { kernel });
  const idPool = new IdPool(0x7000_0000, 1); // a range that is not given back is missed at once
  const events = await EventLog.open({ directory: at('events'), numberFile: at('number'), bootId: 'boot', log });
  const runtime = new Runtime({
    ...{ kernel, ledger, idPool, events, log, hooks: {} },
    images: new ImageStore(at('images')),
    volumes: new VolumeStore(at('volumes')),
    tree: { mount: directory, base: directory, containers: at('groups'), controllers: capableHost.controllers },
    stage: at('stage'),
    states: new StateStore(at('containers')),
    keeperSocket: at('keeper.sock'),
    drainFile: at('draining'),
    networks: new Networks({
      settings: DEFAULT_NETWORK,
      markFile: at('bridge'),
      groupsDirectory: at('hosts'),
      log,
      kernel,
    }),
    logs: new LogStore(
      at('containers'),
      at('logs'),
      { maxBytes: 2 ** 16, maxFiles: 2, bytesPerSecond: 0 },
      log,
      kernel,
    ),
    allowed,
    membership: new Membership(27, async () => users),
    defaults: UNBOUNDED,
    ...{ sampleIntervalMs: 60_000, interimIntervalMs: 60_000, keepExited: 10 },
  });
  await runtime.open();
  return { kernel, runtime, idPool, ledger, events };
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-life-'));
  said.length = 0;
  mkdirSync(at('groups'));
  niwad = await begin();
});

async function end({ runtime, ledger, events }: Niwad): Promise<void> {
  await runtime.close();
  await ledger.close();
  await events.close();
}

afterEach(async () => {
  await end(niwad);
  rmSync(directory, { recursive: true });
});

function expectNothingLeft(): void {
  expect(niwad.runtime.list()).toEqual([]);
  expect(readdirSync(at('containers'))).toEqual([]);
  expect(niwad.idPool.take()).toEqual({ start: 0x7000_0000, size: 65_536 });
}

describe('a start', () => {
  it.each(['group', 'devices', 'userns', 'clone', 'boot'] as const)(
    'of which the kernel refuses the %s leaves nothing',
    async (phase) => {
      niwad.kernel.fail('containers.create', 'EIO', { phase });
      const failed = { code: 'START_FAILED', details: { step: { errno: 'EIO' } } };
      await expect(niwad.runtime.run(SPEC, ROOT)).rejects.toMatchObject(failed);
      expectNothingLeft();
    },
  );

  it('whose output cannot be stored is undone', async () => {
    niwad.kernel.fail('logs.open', 'EMFILE');
    await expect(niwad.runtime.run(SPEC, ROOT)).rejects.toThrow('cannot open the log of container web: EMFILE');
    expect(niwad.kernel.asked('containers.end')).toHaveLength(1);
    expectNothingLeft();
  });

  it('that fails ends a created container, which says at which step', async () => {
    const { kernel, runtime } = niwad;
    const container = await runtime.create(SPEC, ROOT);
    kernel.fail('containers.start', 'ENOENT', { phase: 'boot', step: 0 });
    setTimeout(() => kernel.end(container.handle, { code: 127 }), 1);
    await expect(runtime.start('web', ROOT)).rejects.toMatchObject({ details: { step: { errno: 'ENOENT' } } });
    expect(container.exit).toMatchObject({ reason: 'start-failed' });
  });

  it('is heard of before the end that overtakes its answer', async () => {
    const { kernel, runtime } = niwad;
    const told: string[] = [];
    runtime.subscribe(({ type }) => told.push(type));
    const answer = kernel.hold('containers.create');
    const running = runtime.run(SPEC, ROOT);
    await expect.poll(() => kernel.asked('containers.create')).toHaveLength(1);
    kernel.end(kernel.handleOf('web'), { code: 3 });
    expect(told).toEqual([]);
    answer();
    const container = await running;
    expect(await container.exited).toMatchObject({ code: 3, reason: 'exited' });
    expect(told).toEqual(['create', 'start', 'exit']);
  });
});

describe('an error of the log', () => {
  const hasNoRoom = { type: 'log-error', errno: 'ENOSPC' } as const;

  it('that overtakes the answer to the start names the container', async () => {
    const { kernel, runtime } = niwad;
    const answer = kernel.hold('containers.create');
    const running = runtime.run(SPEC, ROOT);
    await expect.poll(() => kernel.asked('containers.create')).toHaveLength(1);
    kernel.tell({ ...hasNoRoom, handle: kernel.handleOf('web') });
    expect(said).toEqual([]);
    answer();
    await running;
    await expect.poll(() => said).toHaveLength(1);
    expect(JSON.parse(said[0] ?? '')).toMatchObject({ id: 'web', errno: 'ENOSPC' });
  });

  it('is told at once where no container is being made', async () => {
    niwad.kernel.tell({ ...hasNoRoom, handle: 77 });
    expect(JSON.parse(said[0] ?? '')).toMatchObject({ errno: 'ENOSPC' });
  });
});

describe('an end', () => {
  it('lets the kernel store what is left of the output, and forget the container', async () => {
    const { kernel, runtime, idPool } = niwad;
    const container = await runtime.run(SPEC, ROOT);
    expect(() => idPool.take()).toThrow();
    kernel.end(container.handle, { code: 7 });
    expect(await container.exited).toMatchObject({ code: 7, signal: null, reason: 'exited' });
    expect(kernel.asked('containers.end', 'records').slice(-2)).toEqual(['containers.end', 'records.append']);
    expect(idPool.take()).toEqual({ start: 0x7000_0000, size: 65_536 });
  });

  it('by a stop is one, whatever the workload says', async () => {
    const { exit } = await niwad.runtime.run(SPEC, ROOT).then(() => niwad.runtime.stop('web', ROOT));
    expect(exit).toMatchObject({ reason: 'stopped' });
  });
});

describe('the next niwad', () => {
  /** Makes what a look at the group of a container that is not frozen finds. */
  function makeGroup(id = 'web'): void {
    mkdirSync(at(`groups/${id}`));
    writeFileSync(at(`groups/${id}/cgroup.events`), 'populated 1\nfrozen 0\n');
  }

  /**
   * Lets this niwad go away as a crash does not: it saves what it has; then another begins with what is on the disk.
   */
  async function replace(): Promise<void> {
    await end(niwad);
    niwad = await begin();
  }

  it('adopts one that lives, and hears of its end', async () => {
    await niwad.runtime.run(SPEC, ROOT);
    makeGroup();
    await replace();
    rmSync(at('groups/web'), { recursive: true });
    const container = niwad.runtime.get('web');
    expect(container.state).toBe('running');
    expect(() => niwad.idPool.take()).toThrow();
    niwad.kernel.end(container.handle, { code: 5 });
    expect(await container.exited).toMatchObject({ code: 5 });
  });

  it('adopts more than are prepared at once', async () => {
    const ids = Array.from({ length: 130 }, (_, i) => `web${i}`);
    for (const id of ids) await niwad.runtime.run({ ...SPEC, id, userns: 'host' }, ROOT);
    ids.forEach(makeGroup);
    await replace();
    for (const id of ids) rmSync(at(`groups/${id}`), { recursive: true });
    const alive = niwad.runtime.list().filter(({ state }) => state === 'running');
    expect(alive.map(({ id }) => id).sort()).toEqual(ids.sort());
    for (const { id, handle } of alive) expect(handle).toBe(niwad.kernel.handleOf(id));
  });

  it('goes on without one whose group is removed while it is taken over', async () => {
    await niwad.runtime.run(SPEC, ROOT);
    makeGroup();
    await end(niwad);
    const kernel = new FakeKernel();
    kernel.fail('containers.adopt', 'ENOENT');
    const answer = kernel.hold('containers.prepareAdoptions');
    const beginning = begin(kernel);
    await expect.poll(() => kernel.asked('containers.prepareAdoptions')).toHaveLength(1);
    rmSync(at('groups/web'), { recursive: true });
    answer();
    niwad = await beginning;
    expect(await niwad.runtime.get('web').exited).toMatchObject({ reason: 'unknown' });
  });

  it('counts the steps of a failed start as they were planned, also where its limits have changed since', async () => {
    const failedStep = async () => {
      niwad.kernel.fail('containers.start', 'ENOENT', { phase: 'boot', step: 5 });
      setTimeout(() => niwad.kernel.end(niwad.kernel.handleOf('web'), { code: 127 }), 1);
      const error = await niwad.runtime.start('web', ROOT).then(
        () => expect.unreachable('it started'),
        (reason: NiwaError) => reason,
      );
      await niwad.runtime.remove('web', ROOT, { force: false });
      return error.details.step;
    };
    await niwad.runtime.create(SPEC, ROOT);
    const planned = await failedStep();
    await niwad.runtime.create(SPEC, ROOT);
    makeGroup();
    await niwad.runtime.update('web', { cpu: { weight: 50 }, pids: 20 }, ROOT);
    await replace();
    await niwad.runtime.update('web', { memory: { low: '1M' } }, ROOT);
    await replace();
    rmSync(at('groups/web'), { recursive: true });
    expect(niwad.runtime.get('web').spec.resources).toMatchObject({ pids: 20, memory: { lowBytes: 2 ** 20 } });
    expect(await failedStep()).toEqual(planned);
  });

  /** As {@link replace}, and nobody was told of the container. */
  async function replaceBeforeTold(kernel = new FakeKernel()): Promise<void> {
    await end(niwad);
    await changeState(directory, 'web', { phase: 'making' });
    niwad = await begin(kernel);
  }

  it('starts also where it cannot end one of which nobody was told', async () => {
    await niwad.runtime.run(SPEC, ROOT);
    makeGroup();
    const kernel = new FakeKernel();
    kernel.fail('containers.kill', 'EMFILE');
    await replaceBeforeTold(kernel);
    rmSync(at('groups/web'), { recursive: true });
    expect(niwad.kernel.asked('containers.kill')).toHaveLength(1);
  });

  it('ends and forgets one of which nobody was told', async () => {
    await niwad.runtime.run(SPEC, ROOT);
    makeGroup();
    await replaceBeforeTold();
    rmSync(at('groups/web'), { recursive: true });
    expect(niwad.kernel.asked('containers.kill')).toHaveLength(1);
    await expect.poll(() => niwad.runtime.list()).toEqual([]);
    expectNothingLeft();
  });

  it('lists one whose group is gone as ended, nobody knows how', async () => {
    await niwad.runtime.run(SPEC, ROOT);
    await replace();
    expect(await niwad.runtime.get('web').exited).toMatchObject({ reason: 'unknown' });
    expect(niwad.kernel.asked('containers.adopt')).toEqual([]);
  });

  it('keeps one that had exited as it was', async () => {
    const container = await niwad.runtime.run(SPEC, ROOT);
    niwad.kernel.end(container.handle, { code: 4 });
    const exit = await container.exited;
    await replace();
    expect(niwad.runtime.get('web').exit).toEqual(exit);
    expect(niwad.kernel.asked('keeper.drop')).toEqual(['keeper.drop']);
  });
});
