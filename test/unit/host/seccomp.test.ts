import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSeccomp } from '../../../src/host/seccomp.js';
import { DEFAULT_PROFILE } from '../../../src/plan/seccomp.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import type { SeccompProfileInput } from '../../../src/protocol/spec.js';
import { seccompProfiles } from '../arbitrary.js';
import { refusal } from '../support.js';

/** The most that seccomp(2) takes. */
const MAX_INSTRUCTIONS = 4096;
const RETURN = 0x06n;

const denying = (...syscalls: NonNullable<SeccompProfileInput['syscalls']>): SeccompProfileInput => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls,
});
/** What the filter may answer: the constant of each return instruction. */
const answers = (profile: SeccompProfileInput) =>
  new Set(
    compileSeccomp(profile)
      .filter((word) => (word & 0xffffn) === RETURN)
      .map((word) => Number(word >> 32n)),
  );

describe('a compiled profile', () => {
  it('is instructions that the kernel takes, the default one too', () => {
    const { length } = compileSeccomp(DEFAULT_PROFILE);
    expect(length).toBeGreaterThan(100);
    expect(length).toBeLessThan(MAX_INSTRUCTIONS);
  });

  it('takes several conditions for one argument as alternatives', () => {
    const values = [0, 8].map((value) => ({ index: 0, value, op: 'SCMP_CMP_EQ' as const }));
    const rule = { names: ['personality'], action: 'SCMP_ACT_ALLOW' as const };
    const both = compileSeccomp(denying({ ...rule, args: values }));
    expect(both).toEqual(compileSeccomp(denying(...values.map((each) => ({ ...rule, args: [each] })))));
  });

  it('is compiled once', () => {
    expect(compileSeccomp(structuredClone(DEFAULT_PROFILE))).toBe(compileSeccomp(DEFAULT_PROFILE));
    expect(compileSeccomp(denying())).not.toBe(compileSeccomp(DEFAULT_PROFILE));
  });

  it('is kept no longer than a hundred others', () => {
    const profileOf = (errnoRet: number) => denying({ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet });
    const first = compileSeccomp(profileOf(1000));
    for (let i = 1; i <= 100; i++) compileSeccomp(profileOf(1000 + i));
    expect(compileSeccomp(profileOf(1000))).not.toBe(first);
    expect(compileSeccomp(profileOf(1000))).toEqual(first);
  });

  it.each([
    ['SCMP_ACT_ALLOW', 0x7fff0000],
    ['SCMP_ACT_LOG', 0x7ffc0000],
    ['SCMP_ACT_KILL', 0],
    ['SCMP_ACT_KILL_THREAD', 0],
    ['SCMP_ACT_KILL_PROCESS', 0x80000000],
    ['SCMP_ACT_ERRNO', 0x50001],
    ['SCMP_ACT_TRAP', 0x30000],
    ['SCMP_ACT_TRACE', 0x7ff00001],
  ] as const)('answers with %s', (defaultAction, answer) => {
    expect(answers({ defaultAction })).toContain(answer);
    expect(
      answers({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: defaultAction }] }),
    ).toContain(answer);
  });

  it('answers EPERM unless it says which errno, and ENOSYS to what is newer than it', () => {
    expect(answers(denying())).toEqual(new Set([0x50001, 0x50026]));
    expect(answers({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 13 })).toEqual(new Set([0x5000d, 0x50026]));
    expect(answers(denying({ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 2 }))).toContain(0x50002);
  });

  it('compares all 64 bits of an argument', () => {
    const withValue = (value: number | string) =>
      compileSeccomp(
        denying({ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] }),
      );
    const compared = withValue('0xfffffffffffffffe')
      .filter((word) => (word & 0xffffn) === 0x15n)
      .map((word) => word >> 32n);
    expect(compared).toEqual(expect.arrayContaining([0xffffffffn, 0xfffffffen]));
    expect(withValue('0x5')).toEqual(withValue(5));
  });

  it.runIf(process.arch === 'x64')('answers 32-bit calls by its rules only where their architecture is listed', () => {
    const AUDIT_ARCH_I386 = 0x40000003n;
    const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW' as const };
    const asks = (architectures: string[]) =>
      compileSeccomp({ ...denying(rule), architectures }).some((word) => word >> 32n === AUDIT_ARCH_I386);
    expect([asks([]), asks(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])]).toEqual([false, true]);
  });

  it('passes over names that this machine has no call for', () => {
    const known = denying({ names: ['read'], action: 'SCMP_ACT_ALLOW' });
    const more = denying({ names: ['no_such_call', 'read', 'riscv_flush_icache'], action: 'SCMP_ACT_ALLOW' });
    expect(compileSeccomp(more)).toEqual(compileSeccomp(known));
  });

  it('is refused where libseccomp cannot say it', () => {
    const args = [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' as const }];
    const error = refusal(() => compileSeccomp(denying({ names: ['read'], action: 'SCMP_ACT_ALLOW', args })));
    expect(error.code).toBe('SPEC_INVALID');
    expect(error.message).toMatch(/^libseccomp refuses the seccomp profile: E[A-Z]+$/);
  });

  it('is refused where libseccomp would compile it for a long time', () => {
    const args = (value: number) => [0, 1, 2].map((index) => ({ index, value, op: 'SCMP_CMP_GE' as const }));
    const rule = (value: number) => ({ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' as const, args: args(value) });
    const error = refusal(() => compileSeccomp(denying(...Array.from({ length: 20 }, (_, i) => rule(i)))));
    expect([error.code, error.message]).toEqual([
      'SPEC_INVALID',
      expect.stringContaining('more than 729 combinations'),
    ]);
  });

  it('is instructions or a refusal for every profile that a spec may have', () => {
    fc.assert(
      fc.property(seccompProfiles, (profile) => {
        try {
          const { length } = compileSeccomp(profile);
          expect(length).toBeGreaterThan(0);
          expect(length).toBeLessThanOrEqual(MAX_INSTRUCTIONS);
        } catch (error) {
          if (!(error instanceof NiwaError)) throw error;
          expect(error.code).toBe('SPEC_INVALID');
        }
      }),
      { numRuns: 300 },
    );
  });
});
