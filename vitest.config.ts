import { defineConfig } from 'vitest/config';

/** The virtual machine of test/vm runs JavaScript 8 to 15 times slower. */
const inVm = process.env.IN_VM === '1';
const timeout = inVm ? 300_000 : 60_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: timeout,
    hookTimeout: timeout,
    // There, all files share a process, and with it a daemon: starting these takes longer than the tests.
    isolate: !inVm,
  },
});
