import type { Service } from '../../src/protocol/resolved-service.js';
import { decide } from '../../src/services/decide/decide.js';
import { afterEnd, NO_FAILURES } from '../../src/services/decide/failures.js';
import {
  type Decision,
  type EndCause,
  type Instance,
  type Memory,
  NO_MEMORY,
  type RefuseCause,
  type Situation,
  type Step,
} from '../../src/services/decide/types.js';

const SECOND = 1_000_000;
/** A situation that does not come to rest after so many decisions in a row has a loop of steps. */
const MOST_ROUNDS = 40;

/** What a start does: when it is ready, when the instance dies by itself (null: never), and how long it lives. */
export interface Start {
  readyAfterUsec: number | null;
  diesAfterUsec: number | null;
  lifetimeUsec: number | null;
}

type Changing<T> = { -readonly [K in keyof T]: T[K] };

/** An instance, and what the world knows of it in advance. */
interface Living extends Changing<Instance> {
  readyAtUsec: number | null;
  diesAtUsec: number | null;
}

/**
 * A small executor of decisions in which time is a number. Instances start, get ready, die, and end; requests come;
 * each change and each `againUsec` asks decide(). Nothing is random: what happens comes from those who use it.
 */
export class World {
  nowUsec = 10_000 * SECOND;
  revision = 1;
  replaceBelow = 0;
  hold: number | null = null;
  isRemoved = false;
  isDraining = false;
  waiting: { sinceUsec: number } | null = null;
  refusing: RefuseCause | null = null;
  failures = NO_FAILURES;
  startTimesUsec: number[] = [];
  memory: Memory = NO_MEMORY;
  cpuQuota: Situation['cpuQuota'] = { usec: 50_000, periodUsec: 100_000 };
  /** How long an instance takes to end, and to answer after a thaw. */
  endTakesUsec = 0.1 * SECOND;
  thawTakesUsec = 0.005 * SECOND;
  readonly instances = new Map<string, Living>();
  readonly history: { atUsec: number; step: Step }[] = [];
  /** Requests that were refused, and connections that were cut by an end. */
  refused = 0;
  cut = 0;
  onDecision: (before: Situation, decision: Decision) => void = () => {};
  #starts = 0;
  #againUsec: number | null = null;

  constructor(
    public service: Service,
    public start: (index: number, nowUsec: number) => Start,
  ) {}

  situation(): Situation {
    const { nowUsec, service, revision, replaceBelow, hold, isRemoved, isDraining, waiting, refusing, failures } = this;
    const { startTimesUsec, cpuQuota, memory } = this;
    const instances = [...this.instances.values()].map(({ readyAtUsec: _, diesAtUsec: __, ...one }) => one);
    return {
      ...{ nowUsec, service, revision, replaceBelow, hold, isRemoved, isDraining, waiting, refusing, failures },
      ...{ instances, startTimesUsec, hasCpuController: true, cpuQuota, memory },
    };
  }

  /** Decides, and carries out, until there is nothing to do. */
  settle(): void {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = this.situation();
      const decision = decide(before);
      this.onDecision(before, decision);
      this.memory = decision.memory;
      this.#againUsec = decision.againUsec;
      for (const step of decision.steps) this.#carryOut(step);
      if (decision.steps.length === 0) return;
    }
    const last = this.history.slice(-6).map(({ step }) => JSON.stringify(step));
    throw new Error(`a loop of steps: ${last.join('\n')}`);
  }

  /** Lets time pass, and everything happen that is due by then. */
  pass(usec: number): void {
    const untilUsec = this.nowUsec + usec;
    for (let next = this.#next(); next <= untilUsec; next = this.#next()) {
      this.nowUsec = Math.max(this.nowUsec, next);
      for (const one of [...this.instances.values()]) this.#live(one);
      this.settle();
    }
    this.nowUsec = untilUsec;
  }

  /** A request: it is served, held or refused. It gives the instance that serves it. */
  request(pick = 0): string | undefined {
    const routed = this.in('routed');
    const one = routed[Math.floor(pick * routed.length)];
    if (one) one.lastBusyUsec = this.nowUsec;
    else if (this.refusing) this.refused++;
    else this.waiting ??= { sinceUsec: this.nowUsec };
    if (!one) this.settle();
    return one?.id;
  }

  /** An instance goes without a decision: it crashed, or somebody removed it. */
  die(id: string): void {
    const one = this.instances.get(id);
    if (!one) return;
    if (one.phase !== 'ending') this.failures = afterEnd(this.failures, this.nowUsec, one.readyUsec, null);
    this.#gone(one);
  }

  /** A new niwad: it finds the instances, and remembers nothing. */
  restart(): void {
    this.memory = NO_MEMORY;
    this.failures = NO_FAILURES;
    this.settle();
  }

  in(phase: Instance['phase']): Living[] {
    return [...this.instances.values()].filter((one) => one.phase === phase);
  }

  #next(): number {
    const times = [...this.instances.values()].flatMap((one) => [one.readyAtUsec, one.diesAtUsec, one.deadlineUsec]);
    return Math.min(
      ...([...times, this.#againUsec].filter((usec) => usec !== null && usec > this.nowUsec) as number[]),
    );
  }

  /** What happens to an instance by itself at this time. */
  #live(one: Living): void {
    if (one.readyAtUsec !== null && one.readyAtUsec <= this.nowUsec) {
      if (one.phase === 'starting') this.startTimesUsec.push(this.nowUsec - one.startedUsec);
      if (one.phase === 'starting' || one.phase === 'thawing') one.phase = 'ready';
      one.readyUsec ??= this.nowUsec;
      one.readyAtUsec = null;
    }
    if (one.deadlineUsec !== null && one.deadlineUsec <= this.nowUsec && one.phase !== 'ending')
      one.diesAtUsec = Math.min(one.diesAtUsec ?? Number.MAX_VALUE, one.deadlineUsec + this.endTakesUsec);
    if (one.diesAtUsec !== null && one.diesAtUsec <= this.nowUsec && one.phase !== 'frozen') this.die(one.id);
  }

  #gone(one: Living): void {
    this.cut += one.connections ?? 0;
    this.instances.delete(one.id);
  }

  #carryOut(step: Step): void {
    this.history.push({ atUsec: this.nowUsec, step });
    if (step.do === 'start') this.#begin(step.replaces);
    else if (step.do === 'refuse') {
      this.refusing = step.cause;
      if (this.waiting) this.refused++;
      this.waiting = null;
    } else if (step.do === 'accept') this.refusing = null;
    else if (step.do !== 'warn') this.#change(step);
  }

  #begin(replaces: string | null): void {
    const { readyAfterUsec, diesAfterUsec, lifetimeUsec } = this.start(this.#starts, this.nowUsec);
    const id = `i${this.#starts++}`;
    const after = (usec: number | null) => (usec === null ? null : this.nowUsec + usec);
    this.instances.set(id, {
      ...{
        id,
        replaces,
        revision: this.revision,
        phase: 'starting',
        startedUsec: this.nowUsec,
        deadlineUsec: after(lifetimeUsec),
      },
      ...{ readyUsec: null, routedUsec: null, unrouted: null, thawedUsec: null, connections: 0, lastBusyUsec: 0 },
      ...{
        reading: null,
        isHealthy: true,
        missing: null,
        readyAtUsec: after(readyAfterUsec),
        diesAtUsec: after(diesAfterUsec),
      },
    });
  }

  #change(step: Extract<Step, { id: string }>): void {
    const one = this.instances.get(step.id);
    if (!one) throw new Error(`a step for an instance that is not there: ${JSON.stringify(step)}`);
    if (step.do === 'route') {
      Object.assign(one, { phase: 'routed', routedUsec: this.nowUsec, unrouted: null });
      if (this.waiting) one.lastBusyUsec = this.nowUsec;
      this.waiting = null;
    } else if (step.do === 'unroute') {
      Object.assign(one, { phase: 'unrouted', unrouted: { cause: step.cause, sinceUsec: this.nowUsec } });
    } else if (step.do === 'freeze') one.phase = 'frozen';
    else if (step.do === 'thaw') {
      Object.assign(one, {
        phase: 'thawing',
        thawedUsec: this.nowUsec,
        readyAtUsec: this.nowUsec + this.thawTakesUsec,
      });
    } else this.#end(one, step.cause);
  }

  #end(one: Living, cause: EndCause): void {
    this.failures = afterEnd(this.failures, this.nowUsec, one.readyUsec, cause);
    one.phase = 'ending';
    one.diesAtUsec = this.nowUsec + this.endTakesUsec;
  }
}
