import type { Spec } from '../protocol/resolved-spec.js';
import { type Argument, fillProgram, type Hole, type OpenProgram, openProgram } from './encode.js';
import type { NetworkStep } from './network.js';
import { BLANK_DIRECTORY, BLANK_FIRST_ID, BLANK_HOSTNAME, type Op } from './op.js';
import { type Allotment, type HostView, makePlan, type Plan } from './plan.js';
import type { PlacedFile } from './root.js';
import { idMaps, mountMaps } from './userns.js';

/**
 * Plans of specs that differ only in their id and their host name. The decisions and the bytes of the program are made
 * once; a start fills in its id, host name, directory and host ids. The result is the same as that of makePlan() and
 * encodeProgram().
 */

/** What stands in a text for something that each start fills in, see op.ts. */
const BLANK = /\0[^\0]*\0/g;

/** What a plan has from the host that is the same for each start of a spec. */
export interface TemplateHost extends HostView, Pick<Allotment, 'devices' | 'deviceNodes'> {
  /** How many host ids each container gets. */
  rangeSize: number;
  /** The files of its network, in {@link BLANK_DIRECTORY}. */
  files: readonly PlacedFile[];
}

export interface PlanTemplate {
  readonly containersCgroup: string;
  /** The plan, with blanks in place of what each start has of its own. */
  readonly plan: Plan;
  /** Its program; a hole has the number or the text with its blanks. */
  readonly program: OpenProgram;
}

/** Gives about how many bytes a template has: its program, and the words of its operations. */
export function templateBytes({ plan, program }: PlanTemplate): number {
  const encoded = program.pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0), 0);
  return plan.boot.reduce((sum, { text }) => sum + text.length, encoded);
}

/** What a container has of its own. */
export interface Filling {
  /** The same spec as that of the template, but for its id and its host name. */
  spec: Spec;
  idRange: Allotment['idRange'];
  /** The directory of the host that has the files of its network. */
  directory: string;
  /** The steps that connect it. */
  steps: readonly NetworkStep[];
}

/** A plan, and its boot program as bytes. */
export interface EncodedPlan extends Plan {
  /**
   * Plans that have the same object here differ only in what each container has of its own: its id, host name,
   * directory and host ids. What else is made of such a plan may be kept by it.
   */
  source: object;
  /** Writes the program: the result of encodeProgram() of the plan's `boot`. */
  encode(): Uint8Array;
}

/**
 * Makes the template of a spec. Its id and host name do not matter, only whether it has a host name.
 * @throws NiwaError HOST_UNSUPPORTED, SPEC_INVALID; the same as makePlan()
 */
export function makeTemplate(spec: Spec, { rangeSize, files, ...host }: TemplateHost): PlanTemplate {
  const plan = makePlan(
    { ...spec, hostname: spec.hostname === null ? null : BLANK_HOSTNAME },
    { ...host, idRange: { start: BLANK_FIRST_ID, size: rangeSize }, network: { steps: [], files } },
  );
  return { containersCgroup: host.containersCgroup, plan, program: openProgram(plan.boot, isBlank) };
}

/** Gives the plan of one start. */
export function fillTemplate(template: PlanTemplate, filling: Filling): EncodedPlan {
  return new FilledPlan(template, filling);
}

class FilledPlan implements EncodedPlan {
  readonly id: string;
  readonly limits: Plan['limits'];
  readonly cgroup: Plan['cgroup'];
  readonly devices: Plan['devices'];
  readonly userns: Plan['userns'];
  readonly mountMaps: Plan['mountMaps'];
  readonly image: Plan['image'];
  readonly clone: Plan['clone'];
  readonly network: Plan['network'];
  readonly source: PlanTemplate;
  readonly #filling: Filling;

  constructor(template: PlanTemplate, filling: Filling) {
    const { containersCgroup, plan } = template;
    const { spec, idRange, steps } = filling;
    const { id, resources, defaulted = [] } = spec;
    const { writes, lateWrites } = plan.cgroup;
    this.id = id;
    this.limits = { resources, defaulted };
    this.cgroup = { path: `${containersCgroup}/${id}`, writes, lateWrites };
    this.devices = plan.devices;
    this.userns = idMaps(spec, idRange);
    this.mountMaps = mountMaps(spec, this.userns);
    this.image = plan.image;
    this.clone = plan.clone;
    this.network = steps;
    this.source = template;
    this.#filling = filling;
  }

  /** Only people read it, so it is made when it is asked for. */
  get boot(): Op[] {
    return this.source.plan.boot.map((op) => filled(op, this.#filling));
  }

  encode(): Uint8Array {
    return fillProgram(this.source.program, (blank) => filledIn(blank, this.#filling));
  }
}

function isBlank(argument: Argument): boolean {
  return typeof argument === 'string' ? argument.includes('\0') : argument < 0;
}

function filled({ name, numbers, strings, text }: Op, filling: Filling): Op {
  return {
    name,
    numbers: numbers.map((number) => (isBlank(number) ? idFor(Number(number), filling) : number)),
    strings: strings.map((one) => written(one, filling)),
    text: written(text, filling),
  };
}

function filledIn(blank: Hole['blank'], filling: Filling): number | string {
  return typeof blank === 'number' ? idFor(blank, filling) : written(blank, filling);
}

function written(text: string, filling: Filling): string {
  return text.includes('\0') ? text.replace(BLANK, (blank) => textFor(blank, filling)) : text;
}

function textFor(blank: string, filling: Filling): string {
  if (blank === BLANK_HOSTNAME) return filling.spec.hostname ?? '';
  if (blank === BLANK_DIRECTORY) return filling.directory;
  return String(idFor(Number(blank.slice(1, -1)), filling));
}

function idFor(blank: number, { idRange }: Filling): number {
  return idRange.start + (blank - BLANK_FIRST_ID);
}
