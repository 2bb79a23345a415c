import { BPF, type Instruction } from '../../../src/host/bpf.js';

/** What a filter decides on: struct seccomp_data, see seccomp(2). Arguments have 64 bits. */
export interface SystemCall {
  nr: number;
  arch: number;
  args: readonly bigint[];
}

/** Runs a filter as the kernel would. @throws Error where the kernel would not take the program */
export function runFilter(program: readonly Instruction[], call: SystemCall): number {
  const data = wordsOf(call);
  let accumulator = 0;
  for (let pc = 0; ; pc++) {
    const { code, jt, jf, k } = program[pc] ?? outside(pc);
    if (code === BPF.RETURN) return k;
    if (code === BPF.LOAD) accumulator = data[k / 4] ?? outside(pc);
    else if (code === BPF.AND) accumulator = (accumulator & k) >>> 0;
    else if (code === BPF.GO) pc += k;
    else if (code === BPF.EQUAL) pc += accumulator === k ? jt : jf;
    else if (code === BPF.GREATER) pc += accumulator > k ? jt : jf;
    else if (code === BPF.AT_LEAST) pc += accumulator >= k ? jt : jf;
    else outside(pc);
  }
}

function wordsOf({ nr, arch, args }: SystemCall): number[] {
  const halves = args.flatMap((arg) => [Number(arg & 0xffff_ffffn), Number(arg >> 32n)]);
  return [nr, arch, 0x1000, 0x7fff, ...halves]; // the instruction pointer, which no rule asks for
}

function outside(pc: number): never {
  throw new Error(`instruction ${pc} is none`);
}
