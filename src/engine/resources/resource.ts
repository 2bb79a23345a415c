import { NiwaError } from '../../errors.js';
import type { IdRange } from '../../host/id-pool.js';
import type { Asker } from '../../host/reach.js';
import type { Handle } from '../../kernel/containers.js';
import type { Lease } from '../../network/lease.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import type { Output } from '../output.js';
import type { SavedState } from '../state-files.js';

/** What a container holds; of one that is being made, what it holds so far. */
export interface Holder {
  readonly id: string;
  readonly spec: Readonly<Spec>;
  readonly cgroup: string;
  readonly idRange: IdRange | null;
  /** 0 where the kernel does not know it. */
  readonly handle: Handle;
  readonly output: Output | null;
}

/** What a container that is being made, or taken over, holds so far. */
export class Draft implements Holder {
  readonly spec: Spec;
  /** For whom paths of the host are touched. */
  readonly asker: Asker;
  cgroup = '';
  idRange: IdRange | null = null;
  lease: Lease | null = null;
  handle: Handle = 0;
  output: Output | null = null;
  /** What is written down of it; null before its plan is made. */
  saved: SavedState | null = null;

  constructor(spec: Spec, asker: Asker) {
    this.spec = spec;
    this.asker = asker;
  }

  get id(): string {
    return this.spec.id;
  }

  /** Where its output goes, which is known as soon as its process is there. */
  get opened(): Output {
    if (this.output === null) throw new NiwaError('INTERNAL', `the output of container ${this.id} is not open`);
    return this.output;
  }
}

/** One kind of what containers have of the host and of niwad until their end. */
export interface Resource {
  /** Takes it for a container that is to be made. Where that fails, {@link release} follows. */
  acquire?(draft: Draft): Promise<void> | void;
  /** Takes it over for a container of an earlier niwad, as it was written down. */
  adopt?(draft: Draft): void;
  /** Gives it back; nothing happens where the container does not have it. What cannot be given back is logged, and stays. */
  release?(holder: Holder): Promise<void> | void;
}
