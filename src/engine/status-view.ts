import { readEffective } from '../host/effective.js';
import type { Lease } from '../network/lease.js';
import type { ContainerStatus, NetworkStatus } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import type { Usage } from '../protocol/usage.js';
import { warningsOf } from '../spec/warnings.js';
import type { Identity } from './identity.js';
import type { Life } from './life.js';
import type { Meter } from './meter.js';
import { tellPhases } from './phases.js';
import type { ReadinessState } from './readiness-state.js';
import type { Runs } from './runs.js';
import { specText } from './spec-text.js';

/** The parts of a container that its status shows. */
export interface Viewed extends Pick<Identity, 'spec' | 'pid' | 'cgroup' | 'userns' | 'lease' | 'createdAt'> {
  readonly life: Life;
  readonly meter: Meter;
  readonly readiness: ReadinessState;
  readonly phases: Partial<StartPhases>;
  readonly runs: Runs;
}

/** The fields of the parts that are not made for each list. */
const USED = ['usage', 'usage_at', 'rates'];
const LASTING = ['cgroup', 'userns', 'warnings', 'image', 'oci', 'spec'];

/** A lasting part longer than this is not cached: the cached text would take as much memory as the spec itself. */
const KEPT_TEXT_LENGTH = 16 * 1024;

/** A cached text, and the values it was made from. The text is valid while all these values are the same. */
interface KeptText {
  of: readonly unknown[];
  text: string;
}

/** The status of one container. Parts that have not changed are cached as text. */
export class StatusView {
  readonly #viewed: Viewed;
  #moving: KeptText | null = null;
  #used: KeptText | null = null;
  #lasting: KeptText | null = null;

  constructor(viewed: Viewed) {
    this.#viewed = viewed;
  }

  /** Values that change with all that the status shows, except the use, the rates and the kernel's settings. */
  marks(): readonly unknown[] {
    const { life, meter, readiness, phases, runs, spec } = this.#viewed;
    // The status shows the deadline by the wall clock, which may be set at any time. So there is a new mark after each
    // reading.
    const moments = [life.startedAt, life.deadlineNs, meter.readings];
    return [life.state, ...moments, readiness.value, life.exit, phases, runs.state, runs.next, spec];
  }

  status(): ContainerStatus {
    return { ...this.#movingPart(), ...this.#usedNow(), ...this.#lastingPart() };
  }

  /**
   * The status as JSON, for lists of many containers. The use is that of the newest round of the sampler, without a
   * question to the kernel.
   */
  text(): string {
    const { meter } = this.#viewed;
    this.#used = renewed(this.#used, [meter.readings], () => textOf(this.#usedRecently()));
    return `{${this.#movingText()},${this.#used.text},${this.#lastingText()}}`;
  }

  /**
   * The status as JSON, as {@link status} gives it. Written in parts, since one object of all of them takes longer to
   * make than to write.
   */
  answerText(): string {
    return `{${textOf(this.#movingPart())},${textOf(this.#usedNow())},${this.#lastingNow()}}`;
  }

  /**
   * The status as JSON, with a new reading, the times by the wall clock of this moment, and the kernel's effective
   * settings of the first process.
   */
  detailsText(): string {
    const { life, pid, cgroup } = this.#viewed;
    const effective = life.state === 'exited' ? null : readEffective(pid, cgroup);
    this.#moving = null;
    const parts = [this.#movingText(), textOf(this.#usedNow()), this.#lastingText()];
    return `{${parts.join(',')},"effective":${JSON.stringify(effective)}}`;
  }

  /** The parts of the status that have one of `fields`, for lists of many containers, see {@link text}. */
  statusWith(fields: readonly string[]): Partial<ContainerStatus> {
    const [used, lasting] = [USED, LASTING].map((names) => fields.filter((field) => names.includes(field)).length);
    return {
      ...(used === fields.length ? {} : this.#movingPart()),
      ...(used === 0 ? {} : this.#usedRecently()),
      ...(lasting === 0 ? {} : this.#lastingPart()),
    };
  }

  #movingText(): string {
    this.#moving = renewed(this.#moving, this.marks(), () => textOf(this.#movingPart()));
    return this.#moving.text;
  }

  #lastingText(): string {
    const lasting = renewed(this.#lasting, [this.#viewed.spec], () => this.#lastingNow());
    if (lasting.text.length <= KEPT_TEXT_LENGTH) this.#lasting = lasting;
    return lasting.text;
  }

  #movingPart() {
    const { spec, pid, lease, createdAt, life, readiness, phases, runs } = this.#viewed;
    const { state, startedAt, deadlineAt, exit } = life;
    return {
      id: spec.id,
      state,
      pid: state === 'exited' ? null : pid,
      created_at: createdAt.toISOString(),
      started_at: startedAt?.toISOString() ?? null,
      deadline_at: deadlineAt?.toISOString() ?? null,
      ready: readiness.value,
      ready_made: state === 'created' && runs.state.isMadeAhead === true,
      exit,
      network: lease === null || state === 'exited' ? null : networkOf(lease),
      restarts: restartsOf(runs),
      start_phases_usec: tellPhases(phases),
    };
  }

  #usedNow() {
    return this.#usedPart(this.#viewed.meter.usage(), new Date());
  }

  #usedRecently() {
    const { meter } = this.#viewed;
    return this.#usedPart(meter.recentUsage(), meter.readAt ?? new Date());
  }

  #usedPart(usage: Usage, at: Date) {
    const { meter, life } = this.#viewed;
    return { usage, usage_at: life.ending?.at ?? at.toISOString(), rates: meter.rates() };
  }

  #lastingNow(): string {
    const { spec, ...beside } = this.#lastingPart();
    const text = spec === this.#viewed.spec ? specText(spec) : JSON.stringify(spec);
    return `${textOf(beside)},"spec":${text}`;
  }

  /** The part that changes only with the spec. */
  #lastingPart() {
    const { cgroup, userns, spec } = this.#viewed;
    const image = spec.root.image ?? null;
    const warnings = warningsOf(spec);
    if (spec.oci === undefined) return { cgroup, userns, warnings, image, spec };
    const { execConfig, lateHooks, ...oci } = spec.oci; // only niwad needs these
    const name = { id: oci.id, root: oci.root, bundle: oci.bundle };
    return { cgroup, userns, warnings, image, oci: name, spec: { ...spec, oci } };
  }
}

function networkOf({ bridge, device, address, address6, mac }: Lease): NetworkStatus {
  return { bridge, device, address, address6, mac };
}

function restartsOf({ state, next, failure }: Runs): ContainerStatus['restarts'] {
  return {
    count: state.earlier,
    next_at: next.type === 'waits' ? next.at.toISOString() : null,
    stopped: state.isStopped,
    failure,
  };
}

/** Gives the cached text if its values are the same, else makes a new one. */
function renewed(kept: KeptText | null, of: readonly unknown[], make: () => string): KeptText {
  if (kept?.of.every((value, i) => value === of[i])) return kept;
  return { of, text: make() };
}

/** The JSON of an object without its braces. */
function textOf(part: object): string {
  return JSON.stringify(part).slice(1, -1);
}
