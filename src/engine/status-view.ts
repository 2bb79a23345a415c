import { readEffective } from '../host/effective.js';
import type { ContainerDetails, ContainerStatus } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import { warningsOf } from '../spec/warnings.js';
import type { Identity } from './identity.js';
import type { Life } from './life.js';
import type { Meter } from './meter.js';
import { tellPhases } from './phases.js';
import type { ReadinessState } from './readiness-state.js';

/** The parts of a container that its status tells of. */
export interface Viewed extends Pick<Identity, 'spec' | 'pid' | 'cgroup' | 'userns' | 'createdAt'> {
  readonly life: Life;
  readonly meter: Meter;
  readonly readiness: ReadinessState;
  readonly phases: Partial<StartPhases>;
}

/** A longer part of a status is made anew each time: kept, it would take as much memory as the spec again. */
const KEPT_TEXT_LENGTH = 16 * 1024;

/** A text, and what it was made of: it holds as long as all of that is the same. */
interface KeptText {
  of: readonly unknown[];
  text: string;
}

/** What anybody may know of one container; parts that have not changed since are kept as text. */
export class StatusView {
  readonly #viewed: Viewed;
  #moving: KeptText | null = null;
  #used: KeptText | null = null;
  #lasting: KeptText | null = null;

  constructor(viewed: Viewed) {
    this.#viewed = viewed;
  }

  status(): ContainerStatus {
    return { ...this.#movingPart(), ...this.#usedPart(), ...this.#lastingPart() };
  }

  /**
   * The status as JSON, for a list of many: it has the use as the kernel had it when it was first asked for after the last
   * round of the sampler.
   */
  text(): string {
    const { life, meter, readiness, phases, spec } = this.#viewed;
    // The readings are among what moves since the wall clock may have been set meanwhile, by which it tells the deadline.
    const moves = [life.state, life.startedAt, life.deadlineNs, readiness.value, life.exit, phases, meter.readings];
    this.#moving = renewed(this.#moving, moves, () => this.#movingPart());
    this.#used = renewed(this.#used, [meter.readings], () => this.#usedPart());
    const lasting = renewed(this.#lasting, [spec], () => this.#lastingPart());
    if (lasting.text.length <= KEPT_TEXT_LENGTH) this.#lasting = lasting;
    return `{${this.#moving.text},${this.#used.text},${lasting.text}}`;
  }

  /** The status, without the parts that the kernel is asked for where none of `fields` is one of them. */
  statusWith(fields: readonly string[]): Partial<ContainerStatus> {
    const withUse = fields.includes('usage') || fields.includes('rates');
    return withUse ? this.status() : { ...this.#movingPart(), ...this.#lastingPart() };
  }

  /** The status with what the kernel says of the first process. */
  details(): ContainerDetails {
    const { life, pid, cgroup } = this.#viewed;
    return { ...this.status(), effective: life.state === 'exited' ? null : readEffective(pid, cgroup) };
  }

  #movingPart() {
    const { spec, pid, createdAt, life, readiness, phases } = this.#viewed;
    const { state, startedAt, deadlineAt, exit } = life;
    return {
      id: spec.id,
      state,
      pid: state === 'exited' ? null : pid,
      created_at: createdAt.toISOString(),
      started_at: startedAt?.toISOString() ?? null,
      deadline_at: deadlineAt?.toISOString() ?? null,
      ready: readiness.value,
      exit,
      start_phases_usec: tellPhases(phases),
    };
  }

  #usedPart() {
    const { meter } = this.#viewed;
    return { usage: meter.usage(), rates: meter.rates() };
  }

  /** What changes only with the spec. */
  #lastingPart() {
    const { cgroup, userns, spec } = this.#viewed;
    return { cgroup, userns, warnings: warningsOf(spec), image: spec.root.image ?? null, spec };
  }
}

/** Gives a text that was kept, or a new one of the fields of an object, without the braces of its JSON. */
function renewed(kept: KeptText | null, of: readonly unknown[], part: () => object): KeptText {
  if (kept?.of.every((value, i) => value === of[i])) return kept;
  return { of, text: JSON.stringify(part()).slice(1, -1) };
}
