import type { IdRange } from '../../host/id-pool.js';
import type { Asker } from '../../host/reach.js';
import type { Handle } from '../../kernel/containers.js';
import type { KernelError } from '../../kernel/errors.js';
import type { Lease } from '../../network/lease.js';
import type { CgroupWrite } from '../../plan/resources.js';
import { NiwaError } from '../../protocol/errors.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import type { Container } from '../container.js';
import type { Output } from '../output.js';
import type { SavedState } from '../saved-state-types.js';

/** A container that holds resources; a container that is being made holds those acquired so far. */
export interface Holder {
  readonly id: string;
  readonly spec: Readonly<Spec>;
  readonly cgroup: string;
  readonly idRange: IdRange | null;
  /** 0 if the kernel's side does not know the container. */
  readonly handle: Handle;
  readonly output: Output | null;
  /** For a container that is being made: the run that it follows, which stays where the making fails. */
  readonly before?: Container | null;
}

/** The resources acquired so far by a container that is being made or taken over. */
export class Draft implements Holder {
  readonly spec: Spec;
  /** The caller for whom paths of the host are opened. */
  readonly asker: Asker;
  cgroup = '';
  /** The limits that the group begins with. */
  writes: readonly CgroupWrite[] = [];
  idRange: IdRange | null = null;
  lease: Lease | null = null;
  handle: Handle = 0;
  output: Output | null = null;
  /** Why the kernel's side cannot store the output of a container that was just made. */
  logFailure: KernelError | null = null;
  /** The first state of the container, to be saved; null before the plan is made. */
  saved: SavedState | null = null;
  /** The resources whose acquisition has begun, in this order. The last one may not be acquired. */
  readonly begun: Resource[] = [];

  /** The run that has ended and that this one follows: its log and its directory stay. Null for a new container. */
  readonly before: Container | null;

  constructor(spec: Spec, asker: Asker, before: Container | null = null) {
    this.spec = spec;
    this.asker = asker;
    this.before = before;
  }

  get id(): string {
    return this.spec.id;
  }

  /** Where the container's output is stored; known as soon as its process exists. */
  get opened(): Output {
    if (this.output === null) throw new NiwaError('INTERNAL', `the output of container ${this.id} is not open`);
    return this.output;
  }
}

/** One kind of resource that a container has of the host or of niwad until its end. */
export interface Resource {
  /** Acquires the resource for a container that is being made. If this fails, {@link release} follows. */
  acquire?(draft: Draft): Promise<void> | void;
  /** Takes over the resource of a container of an earlier niwad, as it is saved. */
  adopt?(draft: Draft): void;
  /**
   * Gives the resource back; does nothing if the container does not have it. If this fails, the error is logged and the
   * resource stays.
   */
  release?(holder: Holder): Promise<void> | void;
}
