import type { Spec } from '../protocol/resolved-spec.js';
import { type Encodable, type EncodedOps, encodeOps, joinOps } from './encode.js';
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
  /** The program: operations with blanks, and as bytes those without. */
  readonly program: readonly (Op | EncodedOps)[];
}

/** Gives about how many bytes a template has: its program, and the words of its operations. */
export function templateBytes({ plan, program }: PlanTemplate): number {
  const encoded = program.reduce((sum, part) => sum + ('bytes' in part ? part.bytes.length : 0), 0);
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
  return { containersCgroup: host.containersCgroup, plan, program: [...inParts(plan.boot)] };
}

/** Gives the plan of one start. Its `boot`, which only people read, is made when it is asked for. */
export function fillTemplate({ containersCgroup, plan, program }: PlanTemplate, filling: Filling): EncodedPlan {
  const { spec, idRange, steps } = filling;
  const { id, resources, defaulted = [] } = spec;
  const userns = idMaps(spec, idRange);
  return {
    ...plan,
    id,
    limits: { resources, defaulted },
    cgroup: { ...plan.cgroup, path: `${containersCgroup}/${id}` },
    userns,
    mountMaps: mountMaps(spec, userns),
    network: steps,
    get boot() {
      return plan.boot.map((op) => filled(op, filling));
    },
    encode: () => joinOps(program.map((part) => ('bytes' in part ? part : encodeOps([encodable(part, filling)])))),
  };
}

/** Encodes the operations that have no blanks. */
function* inParts(boot: readonly Op[]): Iterable<Op | EncodedOps> {
  let whole: Op[] = [];
  for (const op of boot) {
    if (!hasBlank(op)) {
      whole.push(op);
      continue;
    }
    yield encodeOps(whole);
    yield op;
    whole = [];
  }
  yield encodeOps(whole);
}

function hasBlank({ numbers, strings }: Op): boolean {
  return numbers.some((number) => number < 0) || strings.some((text) => text.includes('\0'));
}

function filled(op: Op, filling: Filling): Op {
  return hasBlank(op) ? { ...encodable(op, filling), text: written(op.text, filling) } : op;
}

/** Fills in what the boot program reads, without the words for people. */
function encodable({ name, numbers, strings }: Op, filling: Filling): Encodable {
  return {
    name,
    numbers: numbers.map((number) => (number < 0 ? idFor(Number(number), filling) : number)),
    strings: strings.map((text) => written(text, filling)),
  };
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
