import { expect, it } from 'vitest';
import { summaryOf } from '../../../../src/host/doctor/summary.js';
import type { Check } from '../../../../src/protocol/host.js';

const check = (name: string, status: Check['status'], required = false): Check => ({
  ...{ name, status, required },
  ...{ found: '', meaning: '', cure: null },
});
const passed = (many: number) => Array.from({ length: many }, (_, i) => check(`c${i}`, 'ok', true));

it('says that everything is there', () => {
  expect(summaryOf(passed(32))).toBe('ready: all 32 checks passed');
  expect(summaryOf(passed(1))).toBe('ready: all 1 check passed');
});

it('names what a host lacks, the problems first', () => {
  const checks = [check('swap', 'warning'), ...passed(3), check('kernel', 'missing', true)];
  expect(summaryOf(checks)).toBe('not ready: 1 problem, 1 warning in 5 checks: kernel, swap');
});

it('is ready with warnings', () => {
  expect(summaryOf([...passed(3), check('swap', 'warning'), check('psi', 'warning')])).toBe(
    'ready: 2 warnings in 5 checks: swap, psi',
  );
});

it('names only some of many', () => {
  const warnings = Array.from({ length: 9 }, (_, i) => check(`w${i}`, 'warning'));
  expect(summaryOf(warnings)).toBe('ready: 9 warnings in 9 checks: w0, w1, w2, w3, w4, w5 and 3 more');
});
