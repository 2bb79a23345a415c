import { service } from '../unit/services/decide/situations.js';
import { Processor, randomFrom } from './cpu.js';
import type { Curve } from './curves.js';
import { World } from './world.js';

const SECOND = 1_000_000;
const QUOTA = 0.5;
const SLOTS = 10;
const TARGET = 0.7;

/** What a curve has shown. */
export interface Outcome {
  /** The routed instances of each second. */
  readonly slots: readonly number[];
  /** The seconds from the first second of too much load to more instances; null where there was no such second. */
  readonly reaction: number | null;
  /** How often the number of instances wanted went from rising to falling, or back; waking and idling do not count. */
  readonly turns: number;
  /** Instance-seconds, and those of an oracle which has exactly what the load needs in each second. */
  readonly cost: number;
  readonly oracle: number;
  /** The share of the demand that was given up, or came while nothing was routed. */
  readonly lost: number;
  readonly refused: number;
}

/** Plays a curve, second by second. The same curve gives the same outcome. */
export function simulate(curve: Curve, seed = 1): Outcome {
  const run = new Run(curve, randomFrom(seed));
  for (let second = 0; second < curve.seconds; second++) run.second(second);
  return run.outcome();
}

class Run {
  readonly world: World;
  readonly processors = new Map<string, Processor>();
  readonly slots: number[] = [];
  readonly levels: number[] = [];
  hotSince: number | null = null;
  reaction: number | null = null;
  cost = 0;
  oracle = 0;
  demand = 0;
  lost = 0;

  constructor(
    readonly curve: Curve,
    readonly random: () => number,
  ) {
    const { startSeconds = 0.1, lifetimeSeconds, leakSeconds, idleSeconds = 300 } = curve;
    const usec = (seconds: number | undefined) => (seconds === undefined ? null : seconds * SECOND);
    const wanted = service({ slots: SLOTS, idle: { afterUsec: idleSeconds * SECOND, action: 'freeze' } });
    this.world = new World(wanted, () => ({
      readyAfterUsec: startSeconds * SECOND,
      diesAfterUsec: usec(leakSeconds),
      lifetimeUsec: usec(lifetimeSeconds),
    }));
    this.world.onDecision = (_, { memory }) => this.levels.push(memory.level ?? 0);
  }

  second(second: number): void {
    const { world, curve } = this;
    const load = curve.load(second);
    if (load > 0) world.request();
    if (curve.killEvery && second % curve.killEvery === curve.killEvery - 1) this.kill();
    world.pass(SECOND);
    this.work(load);
    world.settle();
    this.note(second, load);
  }

  kill(): void {
    const routed = this.world.in('routed');
    const one = routed[Math.floor(this.random() * routed.length)];
    if (one) this.world.die(one.id);
    this.world.settle();
  }

  /** The load of a second is spread over the routed instances, and read from them. */
  work(load: number): void {
    const { world } = this;
    const routed = world.in('routed');
    if (routed.length === 0) this.lost += load;
    for (const one of routed) {
      const processor = this.processors.get(one.id) ?? new Processor(QUOTA, this.random);
      this.processors.set(one.id, processor);
      const age = (world.nowUsec - one.startedUsec) / SECOND - 1;
      const { used, lost, periods, throttled } = processor.second(load / routed.length, age);
      this.lost += lost;
      if (load > 0) one.lastBusyUsec = world.nowUsec;
      one.reading = {
        ...{ atUsec: world.nowUsec, intervalUsec: SECOND, usageUsec: used * SECOND },
        ...{ periods, throttledPeriods: throttled },
      };
    }
  }

  note(second: number, load: number): void {
    const { instances } = this.world;
    const level = this.levels.at(-1) ?? 0;
    this.slots.push(this.world.in('routed').length);
    this.cost += [...instances.values()].filter(({ phase }) => phase !== 'frozen').length;
    this.oracle += Math.min(SLOTS, Math.ceil(load / (TARGET * QUOTA)));
    this.demand += load;
    if (this.reaction !== null) return;
    const before = this.slots.at(-2) ?? 0;
    if (this.hotSince === null && before > 0 && load > QUOTA * before) this.hotSince = second;
    if (this.hotSince !== null && level > (this.slots[this.hotSince] ?? 0)) this.reaction = second - this.hotSince + 1;
  }

  outcome(): Outcome {
    const { slots, reaction, cost, oracle } = this;
    const { refused } = this.world;
    return { slots, reaction, turns: turnsOf(this.levels), cost, oracle, lost: this.lost / this.demand, refused };
  }
}

/** How often a series changes its direction. To and from zero is waking and idling. */
function turnsOf(levels: readonly number[]): number {
  const directions = levels.flatMap((level, index) => {
    const before = levels[index - 1] ?? 0;
    return level === before || level === 0 || before === 0 ? [] : [Math.sign(level - before)];
  });
  return directions.filter((direction, index) => index > 0 && direction !== directions[index - 1]).length;
}
