import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { LAST_CONNECTIONS_USEC } from '../../../../src/services/decide/replace.js';
import type { Decision, Instance, Situation } from '../../../../src/services/decide/types.js';
import { type Start, World } from '../../../simulator/world.js';
import { SECOND, service } from './situations.js';

/** Something that happens to a service. `which` picks an instance. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      seconds: fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.double({ min: 0, max: 120, noNaN: true })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      which: fc.nat(9),
      keeps: fc.nat(3).map((each) => each === 0),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('hang up' as const), which: fc.nat(9) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('load' as const),
      isHeavy: fc.boolean(),
      seconds: fc.constantFrom(1, 8, 35),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('die', 'sick'), which: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('starts' as const),
      fail: fc.nat(3).map((quarter) => quarter === 0),
      seconds: fc.constantFrom(0.1, 1, 10),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold' as const), count: fc.option(fc.nat(6), { freq: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revision' as const), now: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      slots: fc.integer({ min: 1, max: 5 }),
      minInstances: fc.nat(2),
      action: fc.constantFrom('freeze' as const, 'stop' as const, 'none' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('drain' as const, 'undrain' as const, 'undrain' as const, 'restart' as const),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

interface Story {
  readonly lifetimeUsec: number | null;
  readonly happenings: readonly Happening[];
  readonly isRemoved: boolean;
}
const stories: fc.Arbitrary<Story> = fc.record({
  lifetimeUsec: fc.constantFrom(null, 20 * SECOND, 120 * SECOND, 900 * SECOND),
  happenings: fc.array(happening, { minLength: 10, maxLength: 80, size: 'max' }),
  isRemoved: fc.nat(9).map((tenth) => tenth === 0),
});

class Player {
  readonly world: World;
  starts: Start;

  constructor({ lifetimeUsec }: Story) {
    this.starts = { readyAfterUsec: 0.1 * SECOND, diesAfterUsec: null, lifetimeUsec };
    this.world = new World(
      service({ slots: 3, drainUsec: 10 * SECOND, idle: { afterUsec: 30 * SECOND, action: 'freeze' } }),
      () => this.starts,
    );
  }

  play(happening: Happening): void {
    const { world } = this;
    const all = [...world.instances.values()];
    const one = 'which' in happening ? all[happening.which % Math.max(1, all.length)] : undefined;
    switch (happening.kind) {
      case 'pass':
        world.pass(happening.seconds * SECOND);
        break;
      case 'request': {
        const id = world.request(happening.which / 10);
        const serves = id === undefined ? undefined : world.instances.get(id);
        if (serves && happening.keeps) serves.connections = (serves.connections ?? 0) + 1;
        break;
      }
      case 'hang up':
        if (one) one.connections = 0;
        break;
      case 'load':
        for (let second = 0; second < happening.seconds; second++) this.load(happening.isHeavy);
        break;
      case 'die':
        if (one) world.die(one.id);
        break;
      case 'sick':
        if (one && ['ready', 'routed', 'unrouted'].includes(one.phase)) one.isHealthy = false;
        break;
      case 'starts':
        this.starts = {
          ...this.starts,
          readyAfterUsec: happening.fail ? null : happening.seconds * SECOND,
          diesAfterUsec: happening.fail ? happening.seconds * SECOND : null,
        };
        break;
      case 'hold':
        world.hold = happening.count === null ? null : Math.min(happening.count, world.service.slots);
        break;
      case 'revision':
        world.revision++;
        if (happening.now) world.replaceBelow = world.revision;
        world.failures = { count: 0, lastUsec: 0 };
        break;
      case 'apply': {
        const { slots, minInstances, action } = happening;
        const idle = { ...world.service.idle, action };
        world.service = { ...world.service, slots, minInstances: Math.min(slots, minInstances), idle };
        break;
      }
      case 'restart':
        world.restart();
        break;
      default:
        world.isDraining = happening.kind === 'drain';
    }
    world.settle();
  }

  /** A second of much load, or of hardly any, with its readings. */
  load(isHeavy: boolean): void {
    const { world } = this;
    world.pass(SECOND);
    for (const one of world.in('routed')) {
      one.lastBusyUsec = world.nowUsec;
      one.reading = {
        ...{ atUsec: world.nowUsec, intervalUsec: SECOND, usageUsec: isHeavy ? 0.5 * SECOND : 0.01 * SECOND },
        ...{ periods: 10, throttledPeriods: isHeavy ? 10 : 0 },
      };
    }
    world.settle();
  }
}

/** Plays a story; `check` sees each decision. */
function play(story: Story, check: World['onDecision'] = () => {}): Player {
  const player = new Player(story);
  player.world.onDecision = check;
  for (const happening of story.happenings) player.play(happening);
  player.world.isRemoved = story.isRemoved;
  player.world.settle();
  return player;
}

const routedAfter = ({ instances }: Situation, { steps }: Decision) => {
  const routed = new Set(instances.filter(({ phase }) => phase === 'routed').map(({ id }) => id));
  for (const step of steps) {
    if (step.do === 'route') routed.add(step.id);
    if (step.do === 'unroute' || step.do === 'end') routed.delete(step.id);
  }
  return routed;
};

const runs = { numRuns: 60 };

function isWithinSlots({ instances, service }: Situation, { steps }: Decision): void {
  const starts = steps.filter((step) => step.do === 'start').length;
  if (starts > 0) expect(instances.length + starts).toBeLessThanOrEqual(service.slots + 1);
}

function leavesRequestsAnInstance(before: Situation, decision: Decision): void {
  const { isRemoved, hold, isDraining, memory, nowUsec, service, instances } = before;
  const isQuiet = memory.busyUsec !== null && nowUsec - memory.busyUsec >= service.idle.afterUsec;
  const over = new Set(
    instances
      .filter(({ deadlineUsec }) => (deadlineUsec ?? Number.MAX_VALUE) <= nowUsec + LAST_CONNECTIONS_USEC)
      .map(({ id }) => id),
  );
  const unroutes = decision.steps.flatMap((step) => (step.do === 'unroute' && !over.has(step.id) ? [step] : []));
  if (unroutes.length === 0 || routedAfter(before, decision).size > 0) return;
  if (isRemoved || hold === 0 || isDraining || isQuiet) return;
  expect(unroutes.map(({ cause }) => cause)).toEqual(unroutes.map(() => 'sick'));
  const couldServe = (one: Instance) =>
    one.isHealthy && !over.has(one.id) && (one.phase === 'ready' || one.phase === 'routed');
  expect(instances.filter(couldServe)).toEqual([]);
}

function refusesNothingThatIsServed(before: Situation, decision: Decision): void {
  const refuses = decision.steps.some((step) => step.do === 'refuse');
  if (refuses && !before.isRemoved && before.hold !== 0) expect(routedAfter(before, decision).size).toBe(0);
}

it.each([
  ['there are never more instances than slots, and one successor', isWithinSlots],
  ['a service that has requests is never left without an instance while another could serve', leavesRequestsAnInstance],
  ['requests are not refused where an instance serves', refusesNothingThatIsServed],
])('%s', (_what, check) => {
  fc.assert(
    fc.property(stories, (story) => void play(story, check)),
    runs,
  );
});

it('nothing changes before the time at which the decision is to be made again', () => {
  fc.assert(
    fc.property(stories, fc.double({ min: 0, max: 1, noNaN: true }), (story, part) => {
      const { world } = play(story);
      const before = world.situation();
      const { steps, againUsec, memory } = decide(before);
      expect(steps).toEqual([]);
      const lastUsec = againUsec === null ? before.nowUsec + 1e6 * SECOND : againUsec - 1;
      const nowUsec = before.nowUsec + Math.floor((lastUsec - before.nowUsec) * part);
      expect(decide({ ...before, nowUsec, memory }).steps).toEqual([]);
    }),
    runs,
  );
});

it('a service that is left alone ends up at what is wanted, and is quiet then', () => {
  fc.assert(
    fc.property(stories, (story) => {
      const player = play(story);
      const { world } = player;
      player.starts = { ...player.starts, readyAfterUsec: 0.1 * SECOND, diesAfterUsec: null };
      for (const one of world.instances.values()) one.connections = 0;
      world.pass(2000 * SECOND);
      const { hold, isRemoved, isDraining, service } = world;
      const steps = world.history.length;
      world.pass(100 * SECOND);
      const routed = world.in('routed').length;
      if (isRemoved || hold === 0) expect(world.instances.size).toBe(0);
      else if (isDraining) expect(routed).toBeLessThanOrEqual(service.slots);
      else if (hold !== null) expect(routed).toBe(Math.min(hold, service.slots));
      else if (service.idle.action !== 'none') expect(routed).toBe(service.minInstances);
      if (story.lifetimeUsec === null || routed === 0) expect(world.history.length).toBe(steps);
      expect(world.waiting).toBeNull();
    }),
    runs,
  );
});

it('a failing start backs off, and recovers', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.double({ min: 0.01, max: 5, noNaN: true }), (fails, seconds) => {
      const begun: number[] = [];
      const world = new World(service({ minInstances: 1 }), (index, nowUsec) => {
        begun.push(nowUsec);
        const isBad = index < fails;
        const diesAfterUsec = isBad ? seconds * SECOND : null;
        return { readyAfterUsec: isBad ? null : 0.1 * SECOND, diesAfterUsec, lifetimeUsec: null };
      });
      world.settle();
      world.pass(2000 * SECOND);
      expect(world.in('routed')).toHaveLength(1);
      const waits = begun.slice(1).map((usec, index) => (usec - (begun[index] ?? 0)) / SECOND - seconds);
      waits.forEach((wait, index) => {
        expect(wait).toBeCloseTo(Math.min(60, 2 ** index), 3);
      });
    }),
    { numRuns: 50 },
  );
});
