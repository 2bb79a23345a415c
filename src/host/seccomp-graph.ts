import { BPF, type Instruction } from './bpf.js';

/** A part of a filter. Equal parts are one object. */
export type Node =
  | { readonly type: 'answer'; readonly id: number; readonly k: number }
  | { readonly type: 'step'; readonly id: number; readonly code: number; readonly k: number; readonly next: Node }
  | {
      readonly type: 'choice';
      readonly id: number;
      readonly code: number;
      readonly k: number;
      readonly yes: Node;
      readonly no: Node;
    };

/** A conditional jump leaves out at most 255 instructions; two more may come between. */
const FARTHEST = 253;

/** Makes the parts of a filter, and writes them as instructions. */
export class DecisionGraph {
  readonly #nodes = new Map<string, Node>();

  /** Ends with this answer: SECCOMP_RET_* with its data. */
  answer(k: number): Node {
    return this.#node(`answer ${k}`, (id) => ({ type: 'answer', id, k }));
  }

  /** One instruction, and what comes after it. It is left out before an answer, which does not depend on it. */
  step(code: number, k: number, next: Node): Node {
    if (next.type === 'answer') return next;
    return this.#node(`step ${code} ${k} ${next.id}`, (id) => ({ type: 'step', id, code, k, next }));
  }

  /** A condition, and what comes where it holds and where it does not. */
  choose(code: number, k: number, yes: Node, no: Node): Node {
    if (yes === no) return yes;
    return this.#node(`choice ${code} ${k} ${yes.id} ${no.id}`, (id) => ({ type: 'choice', id, code, k, yes, no }));
  }

  /** Writes what begins with a node. */
  write(root: Node): Instruction[] {
    const writer = new Writer();
    for (const open = [root]; open.length > 0; ) {
      const node = open.at(-1) ?? root;
      const missing = followersOf(node).find((follower) => !writer.has(follower));
      if (missing !== undefined) open.push(missing);
      else {
        open.pop();
        writer.write(node);
      }
    }
    return writer.program();
  }

  #node(key: string, make: (id: number) => Node): Node {
    const node = this.#nodes.get(key) ?? make(this.#nodes.size);
    this.#nodes.set(key, node);
    return node;
  }
}

function followersOf(node: Node): Node[] {
  if (node.type === 'answer') return [];
  return node.type === 'step' ? [node.next] : [node.yes, node.no];
}

/** Writes a program from its end to its beginning, so that the place of what a jump goes to is known. */
class Writer {
  /** The instructions, the last one first. */
  readonly #written: Instruction[] = [];
  /** How many instructions had been written when that of a node was. */
  readonly #places = new Map<Node, number>();

  has(node: Node): boolean {
    return this.#places.has(node);
  }

  /** Writes a node whose followers are written. */
  write(node: Node): void {
    if (this.has(node)) return;
    if (node.type === 'answer') this.#push(node, { code: BPF.RETURN, jt: 0, jf: 0, k: node.k });
    else if (node.type === 'step') {
      if (this.#distance(node.next) > 0) this.#repeat(node.next);
      this.#push(node, { code: node.code, jt: 0, jf: 0, k: node.k });
    } else {
      for (const follower of [node.yes, node.no]) if (this.#distance(follower) > FARTHEST) this.#repeat(follower);
      const [jt, jf] = [this.#distance(node.yes), this.#distance(node.no)];
      this.#push(node, { code: node.code, jt, jf, k: node.k });
    }
  }

  program(): Instruction[] {
    return this.#written.toReversed();
  }

  /** Brings a node near: an answer is written once more, anything else gets a jump to it. */
  #repeat(node: Node): void {
    if (node.type === 'answer') this.#push(node, { code: BPF.RETURN, jt: 0, jf: 0, k: node.k });
    else this.#push(node, { code: BPF.GO, jt: 0, jf: 0, k: this.#distance(node) });
  }

  #push(node: Node, instruction: Instruction): void {
    this.#places.set(node, this.#written.length);
    this.#written.push(instruction);
  }

  /** How many instructions lie between the next one that is written and a node. */
  #distance(node: Node): number {
    return this.#written.length - 1 - (this.#places.get(node) ?? 0);
  }
}
