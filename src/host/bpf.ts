/** One instruction of a filter: the fields of struct sock_filter, see linux/filter.h. */
export interface Instruction {
  code: number;
  /** How many instructions a jump leaves out where its condition holds, and where it does not. */
  jt: number;
  jf: number;
  /** The constant; of a load the offset in struct seccomp_data, of GO how many instructions it leaves out. */
  k: number;
}

/** The codes that libseccomp writes, see linux/bpf_common.h. Comparisons are of the accumulator, without sign. */
export const BPF = { LOAD: 0x20, AND: 0x54, GO: 0x05, EQUAL: 0x15, GREATER: 0x25, AT_LEAST: 0x35, RETURN: 0x06 };

/** Takes an instruction from its eight bytes as one number. */
export function decode(word: bigint): Instruction {
  const bits = (shift: bigint, mask: bigint) => Number((word >> shift) & mask);
  return { code: bits(0n, 0xffffn), jt: bits(16n, 0xffn), jf: bits(24n, 0xffn), k: bits(32n, 0xffff_ffffn) };
}

/** Gives the eight bytes of an instruction as one number. */
export function encode({ code, jt, jf, k }: Instruction): bigint {
  return BigInt(code) | (BigInt(jt) << 16n) | (BigInt(jf) << 24n) | (BigInt(k) << 32n);
}
