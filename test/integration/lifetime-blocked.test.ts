// @module-tag vm
import { EventEmitter, once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeCgroupTree } from '../../src/host/cgroup.js';
import { kernel } from '../../src/kernel/addon.js';
import { type ExitEvent, newHandle } from '../../src/kernel/containers.js';
import { makePlan } from '../../src/plan/plan.js';
import { parseSpec } from '../../src/spec/spec.js';
import { createRequest } from './support/create-request.js';
import { MAX_LATENESS_MS } from './support/host.js';
import { makePlace, removePlace } from './support/niwad.js';

/** The addon in this very process, so that the test can block the JavaScript thread above it. */

const place = makePlace();
afterAll(() => removePlace(place));

const LIFETIME_NS = 300_000_000n;
const BLOCKED_MS = 1500;

test('a blocked JavaScript loop delays the telling, not the kill', async () => {
  const tree = makeCgroupTree(place.cgroup);
  const stage = join(place.directory, 'stage');
  mkdirSync(stage);
  kernel.containers.loadBootProgram();
  const events = new EventEmitter();
  kernel.watch((event) => events.emit(event.type, event));

  const spec = parseSpec(
    { id: 'blocked', userns: 'host', seccomp: 'unconfined', process: { args: ['sleep', '1000'] } },
    '',
  );
  const { containers, controllers } = tree;
  const plan = makePlan(spec, {
    containersCgroup: containers,
    controllers,
    stage,
    devices: {},
    deviceNodes: [],
    filtersDevices: false,
    idRange: { start: 0x7000_0000, size: 65_536 },
    oomProtected: false,
    placeBytes: null,
    openFiles: { name: 'nofile', soft: 1024, hard: 1024 },
    absent: [],
    network: null,
    compileSeccomp: () => [],
  });
  const handle = newHandle();
  await kernel.containers.create(createRequest(plan, place.directory, { handle, id: 'blocked' }));
  const exited = once(events, 'exit') as Promise<[ExitEvent]>;
  const deadline = { atNs: 0n, cause: 1, signal: 15, timeoutNs: 10_000_000_000n };
  const started = await kernel.containers.start(handle, LIFETIME_NS, deadline);

  const until = Date.now() + BLOCKED_MS;
  while (Date.now() < until);

  const toldNs = kernel.host.boottimeNs();
  const [exit] = await exited;
  const lateness = Number(exit.atNs - started.deadlineNs) / 1e6;
  console.log(`blocked for ${BLOCKED_MS} ms: ended ${lateness.toFixed(1)} ms after its deadline`);
  expect(exit).toMatchObject({ cause: 1, signal: 9 });
  expect(started.deadlineNs - started.startedNs).toBe(LIFETIME_NS);
  expect(exit.atNs).toBeLessThan(toldNs);
  expect(lateness).toBeGreaterThanOrEqual(0);
  expect(lateness).toBeLessThan(MAX_LATENESS_MS);
  kernel.containers.release(handle);
});
