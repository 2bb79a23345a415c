import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BPF, encode, type Instruction } from '../../../src/host/bpf.js';
import { compileByLibseccomp, compileSeccomp } from '../../../src/host/seccomp.js';
import { asTree } from '../../../src/host/seccomp-tree.js';
import { DEFAULT_PROFILE } from '../../../src/plan/seccomp.js';
import type { SeccompProfileInput } from '../../../src/protocol/spec.js';
import { seccompProfiles } from '../arbitrary.js';
import { runFilter, type SystemCall } from './run-bpf.js';

const X32 = 0x4000_0000;
/** x86-64, i386, arm64, arm, riscv64, and none: AUDIT_ARCH_* of linux/audit.h. */
const ARCHITECTURES = [0xc000_003e, 0x4000_0003, 0xc000_00b7, 0x4000_0028, 0xc000_00f3, 0];

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const around = (k: number) => [k - 1, k, k + 1].filter((one) => one >= 0 && one <= 0xffff_ffff);
const constantsOf = (program: readonly Instruction[]) => new Set(program.map(({ k }) => k));

/** Every number up to 700, those of x32, the ends of what there may be, and all that the program asks for. */
function numbersFor(program: readonly Instruction[]): number[] {
  const far = [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, X32 - 1];
  return [
    ...new Set([...range(0, 700), ...range(X32, X32 + 700), ...far, ...[...constantsOf(program)].flatMap(around)]),
  ];
}

/**
 * An argument of each class that the rules can tell apart: of each constant that the program compares one half of an
 * argument with, or masks it with, the values around it, in either half, beside the edges in the other half.
 */
function argumentsFor(program: readonly Instruction[]): bigint[] {
  const words = new Set([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);
  for (const { code, k } of program)
    if (code !== BPF.LOAD && code !== BPF.RETURN) for (const one of around(k)) words.add(one);
  const edges = [0n, 1n, 0xffff_ffffn];
  return [...words].flatMap((word) =>
    edges.flatMap((edge) => [(edge << 32n) | BigInt(word), (BigInt(word) << 32n) | edge]),
  );
}

/** Whether the answer to a call depends on its arguments. */
function asksForArguments(program: readonly Instruction[], nr: number, arch: number): boolean {
  try {
    runFilter(
      program.map((one) => (one.code === BPF.LOAD && one.k >= 16 ? { ...one, code: -1 } : one)),
      { nr, arch, args: [] },
    );
    return false;
  } catch {
    return true;
  }
}

function expectSame(tree: readonly Instruction[], reference: readonly Instruction[], call: SystemCall): void {
  const [found, expected] = [runFilter(tree, call), runFilter(reference, call)];
  if (found !== expected) expect({ call, answer: found }).toEqual({ call, answer: expected });
}

/** Compares both programs for every number, architecture and class of arguments. @returns how many numbers ask for arguments */
function compare(profile: SeccompProfileInput, architectures = ARCHITECTURES): number {
  const reference = compileByLibseccomp(profile);
  const tree = asTree(reference);
  const numbers = numbersFor(reference);
  for (const arch of architectures)
    for (const nr of numbers) expectSame(tree, reference, { nr, arch, args: [0n, 0n, 0n, 0n, 0n, 0n] });
  const asking = numbers.filter((nr) => asksForArguments(reference, nr, ARCHITECTURES[0] ?? 0));
  const values = argumentsFor(reference);
  for (const nr of asking)
    for (const index of range(0, 5))
      for (const value of values)
        for (const rest of [0n, 0x1_0000_0001n]) {
          const args = range(0, 5).map((i) => (i === index ? value : rest));
          expectSame(tree, reference, { nr, arch: ARCHITECTURES[0] ?? 0, args });
        }
  return asking.length;
}

describe('the tree of a filter', () => {
  it('answers as libseccomp does for every number, architecture and class of arguments of the default profile', () => {
    expect(compare(DEFAULT_PROFILE)).toBeGreaterThan(3);
  });

  it('answers as libseccomp does for pairs of arguments that decide together', () => {
    const reference = compileByLibseccomp(DEFAULT_PROFILE);
    const values = argumentsFor(reference);
    const tree = asTree(reference);
    const call = fc.record({
      nr: fc.constantFrom(...numbersFor(reference).filter((nr) => asksForArguments(reference, nr, 0xc000_003e))),
      arch: fc.constant(0xc000_003e),
      args: fc.array(fc.oneof(fc.constantFrom(...values), fc.bigInt(0n, 2n ** 64n - 1n)), {
        minLength: 6,
        maxLength: 6,
      }),
    });
    fc.assert(
      fc.property(call, (one) => expectSame(tree, reference, one)),
      { numRuns: 20_000 },
    );
  });

  it('answers as libseccomp does for any profile', () => {
    const manyRules = fc.array(seccompProfiles, { minLength: 1, maxLength: 4 }).map((profiles) => ({
      ...profiles[0],
      defaultAction: profiles[0]?.defaultAction ?? 'SCMP_ACT_ALLOW',
      syscalls: profiles.flatMap(({ syscalls = [] }) => syscalls),
    }));
    fc.assert(
      fc.property(manyRules, (profile) => {
        try {
          compileByLibseccomp(profile);
        } catch {
          return; // libseccomp refuses it
        }
        compare(profile, ARCHITECTURES.slice(0, 2));
      }),
      { numRuns: 25 },
    );
  });

  it('is short, and is what a container gets', () => {
    const reference = compileByLibseccomp(DEFAULT_PROFILE);
    const tree = asTree(reference);
    expect(tree.length).toBeLessThan(reference.length / 2);
    expect(compileSeccomp(DEFAULT_PROFILE)).toEqual(tree.map(encode));
  });

  it('is as good where jumps are long: hundreds of rules on arguments', () => {
    const args = (value: number) => [{ index: 1, value, op: 'SCMP_CMP_GE' as const }];
    const names = ['read', 'write', 'ioctl', 'fcntl', 'prctl', 'openat', 'mmap', 'futex', 'kill', 'bind', 'socket'];
    const syscalls = names.flatMap((name, i) =>
      range(1, 30).map((n) => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO' as const,
        errnoRet: 2 + (n % 7),
        args: [{ index: 0, value: 1000 * n + i, op: 'SCMP_CMP_EQ' as const }, ...args(n)],
      })),
    );
    const plain = DEFAULT_PROFILE.syscalls?.flatMap((rule) => (rule.args === undefined ? rule.names : [])) ?? [];
    const others = plain.filter((name) => !names.includes(name));
    const profile: SeccompProfileInput = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: others, action: 'SCMP_ACT_ALLOW' }, ...syscalls],
    };
    const reference = compileByLibseccomp(profile);
    expect(reference.length).toBeGreaterThan(1000);
    const tree = asTree(reference);
    expect(tree.length).toBeLessThan(reference.length);
    expect(tree.some(({ code, k }) => code === BPF.GO && k > 255)).toBe(true);
    const asking = range(0, 500).filter((nr) => asksForArguments(reference, nr, ARCHITECTURES[0] ?? 0));
    expect(asking).toHaveLength(names.length);
    const values = range(1, 30).flatMap((n) => range(0, 11).map((i) => BigInt(1000 * n + i)));
    for (const nr of [...asking, 12])
      for (const value of values)
        for (const second of [0n, 5n, 40n])
          expectSame(tree, reference, { nr, arch: ARCHITECTURES[0] ?? 0, args: [value, second, 0n, 0n, 0n, 0n] });
  });

  it('leaves a program as it is that libseccomp does not write', () => {
    const answer = { code: BPF.RETURN, jt: 0, jf: 0, k: 0 };
    const strange = { code: 0x45, jt: 0, jf: 0, k: 1 };
    for (const program of [[answer], [strange, answer], [{ ...answer, code: BPF.LOAD }, strange, answer]])
      expect(asTree(program)).toBe(program);
  });
});
