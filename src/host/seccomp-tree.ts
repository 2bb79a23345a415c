import { BPF, type Instruction } from './bpf.js';
import { DecisionGraph, type Node } from './seccomp-graph.js';

const CODES = new Set(Object.values(BPF));
const NUMBER = 0;
const ARCHITECTURE = 4;
const MAX_NUMBER = 0xffff_ffff;

/** What the accumulator holds: the word at one of these offsets, or `undefined` for something else. */
type Loaded = typeof NUMBER | typeof ARCHITECTURE | undefined;

/** System calls that are decided alike, and where the filter begins to decide on anything but their number. */
interface Range {
  from: number;
  to: number;
  pc: number;
}

/** The program has something that libseccomp does not write: it stays as it is. */
class Unknown extends Error {}

/**
 * Rewrites a filter of libseccomp as a binary search over ranges of system calls that are decided alike. The answers
 * are the same. libseccomp compares with every single number that a profile names; the kernel checks, copies and
 * compiles each instruction again for each container.
 * @param program what libseccomp has made: jumps go forwards, and one architecture has answers by the number
 * @returns the shorter program; `program` itself where it is none, or has something that libseccomp does not write
 */
export function asTree(program: readonly Instruction[]): readonly Instruction[] {
  try {
    const tree = new TreeOf(program).make();
    return tree.length < program.length ? tree : program;
  } catch (error) {
    if (error instanceof Unknown) return program;
    throw error;
  }
}

class TreeOf {
  readonly #program: readonly Instruction[];
  readonly #native: number;
  readonly #graph = new DecisionGraph();

  constructor(program: readonly Instruction[]) {
    this.#program = program;
    if (program.some(({ code }) => !CODES.has(code))) throw new Unknown();
    const [load, compare] = program;
    if (load?.code !== BPF.LOAD || load.k !== ARCHITECTURE || compare?.code !== BPF.EQUAL) throw new Unknown();
    this.#native = compare.k;
  }

  make(): Instruction[] {
    const graph = this.#graph;
    const foreign = this.#decisions(false);
    if (foreign.length !== 1 || foreign[0] === undefined) throw new Unknown();
    const search = this.#search(this.#decisions(true));
    const native = search.type === 'answer' ? search : graph.step(BPF.LOAD, NUMBER, search);
    return graph.write(
      graph.step(BPF.LOAD, ARCHITECTURE, graph.choose(BPF.EQUAL, this.#native, native, foreign[0].node)),
    );
  }

  /** The decisions for all numbers in their order, each with the first number that it is for. */
  #decisions(isNative: boolean): { from: number; node: Node }[] {
    const decisions: { from: number; node: Node }[] = [];
    for (const range of this.#ranges(isNative, 0, undefined, 0, MAX_NUMBER)) {
      const node = this.#rest(isNative, range);
      if (decisions.at(-1)?.node !== node) decisions.push({ from: range.from, node });
    }
    return decisions;
  }

  /** A search for a number among decisions. A number between two equal decisions takes one comparison, not two. */
  #search(decisions: readonly { from: number; node: Node }[]): Node {
    const [first, second, third] = decisions;
    if (first === undefined) throw new Unknown();
    if (second === undefined) return first.node;
    if (decisions.length === 3 && third?.from === second.from + 1 && third.node === first.node)
      return this.#graph.choose(BPF.EQUAL, second.from, second.node, first.node);
    const middle = decisions.length >> 1;
    const greater = decisions.slice(middle);
    return this.#graph.choose(
      BPF.AT_LEAST,
      greater[0]?.from ?? 0,
      this.#search(greater),
      this.#search(decisions.slice(0, middle)),
    );
  }

  /** Follows the program for all numbers at once, and divides them where it does. */
  *#ranges(isNative: boolean, start: number, held: Loaded, from: number, to: number): Iterable<Range> {
    let [pc, loaded] = [start, held];
    for (;;) {
      const { code, jt, jf, k } = this.#at(pc);
      if (code === BPF.RETURN || (code === BPF.LOAD && k !== NUMBER && k !== ARCHITECTURE)) {
        yield { from, to, pc };
        return;
      }
      if (code === BPF.LOAD) {
        loaded = k as Loaded;
        pc++;
      } else if (code === BPF.GO) {
        pc += 1 + k;
      } else if (loaded === ARCHITECTURE) {
        pc += 1 + (this.#isArchitecture(isNative, code, k) ? jt : jf);
      } else if (loaded === NUMBER) {
        for (const part of divide(code, k, from, to))
          yield* this.#ranges(isNative, pc + 1 + (part.holds ? jt : jf), loaded, part.from, part.to);
        return;
      } else throw new Unknown();
    }
  }

  /** What is left of the program for a range: all that depends on anything but the architecture and the number. */
  #rest(isNative: boolean, { from, to, pc: start }: Range): Node {
    const next = (pc: number, loaded: Loaded): number => {
      const { code, jt, jf, k } = this.#at(pc);
      if (code === BPF.GO) return next(pc + 1 + k, loaded);
      if (code === BPF.LOAD && (k === NUMBER || k === ARCHITECTURE)) return next(pc + 1, k);
      if (code === BPF.RETURN || code === BPF.LOAD || loaded === undefined) return pc;
      if (loaded === ARCHITECTURE) return next(pc + 1 + (this.#isArchitecture(isNative, code, k) ? jt : jf), loaded);
      const [part, other] = divide(code, k, from, to);
      if (part === undefined || other !== undefined) throw new Unknown();
      return next(pc + 1 + (part.holds ? jt : jf), loaded);
    };
    const begin = next(start, undefined);
    const answer = this.#at(begin);
    if (answer.code === BPF.RETURN) return this.#graph.answer(answer.k);
    const reached = new Map<number, number[]>();
    for (const open = [begin]; open.length > 0; ) {
      const pc = open.pop() ?? 0;
      if (reached.has(pc)) continue;
      const { code, jt, jf } = this.#at(pc);
      const followers =
        code === BPF.RETURN
          ? []
          : code === BPF.LOAD || code === BPF.AND
            ? [next(pc + 1, undefined)]
            : [next(pc + 1 + jt, undefined), next(pc + 1 + jf, undefined)];
      reached.set(pc, followers);
      open.push(...followers);
    }
    const nodes = new Map<number, Node>();
    const nodeAt = (pc: number | undefined): Node => nodes.get(pc ?? -1) ?? fail();
    for (const [pc, [one, other]] of [...reached].sort(([a], [b]) => b - a)) {
      const { code, k } = this.#at(pc);
      if (code === BPF.RETURN) nodes.set(pc, this.#graph.answer(k));
      else if (other === undefined) nodes.set(pc, this.#graph.step(code, k, nodeAt(one)));
      else nodes.set(pc, this.#graph.choose(code, k, nodeAt(one), nodeAt(other)));
    }
    return nodeAt(begin);
  }

  #at(pc: number): Instruction {
    const instruction = this.#program[pc];
    return instruction ?? fail();
  }

  #isArchitecture(isNative: boolean, code: number, k: number): boolean {
    if (code !== BPF.EQUAL || k !== this.#native) throw new Unknown();
    return isNative;
  }
}

function fail(): never {
  throw new Unknown();
}

/** Divides a range of numbers by a condition on the number: the parts that are not empty, in their order. */
function divide(code: number, k: number, from: number, to: number): { holds: boolean; from: number; to: number }[] {
  const parts =
    code === BPF.EQUAL
      ? [
          { holds: false, from, to: Math.min(to, k - 1) },
          { holds: true, from: Math.max(from, k), to: Math.min(to, k) },
          { holds: false, from: Math.max(from, k + 1), to },
        ]
      : code === BPF.AT_LEAST || code === BPF.GREATER
        ? [
            { holds: false, from, to: Math.min(to, code === BPF.GREATER ? k : k - 1) },
            { holds: true, from: Math.max(from, code === BPF.GREATER ? k + 1 : k), to },
          ]
        : fail();
  return parts.filter((part) => part.from <= part.to);
}
