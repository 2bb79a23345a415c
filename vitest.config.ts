import { defineConfig } from 'vitest/config';

/** The virtual machine of test/vm runs JavaScript 8 to 15 times slower. */
const inVm = process.env.IN_VM === '1';
const timeout = inVm ? 300_000 : 60_000;
const timeouts = { testTimeout: timeout, hookTimeout: timeout };

export default defineConfig({
  test: {
    tags: [
      {
        name: 'vm',
        description: 'also in the virtual machine, by `npm test`; what has no tag is run on the host alone',
      },
    ],
    projects: [
      {
        // In the machine, all files share a process, and with it a daemon: starting these takes longer than the tests.
        test: { name: 'tests', include: ['test/{unit,integration}/**/*.test.ts'], isolate: !inVm, ...timeouts },
      },
      {
        // One worker for all files, so that they share a daemon.
        test: { name: 'attacks', include: ['test/attacks/*.test.ts'], maxWorkers: 1, isolate: false, ...timeouts },
      },
      {
        // One after another: each uses the machine like a site that is visited.
        test: { name: 'examples', include: ['test/examples/*.test.ts'], maxWorkers: 1, isolate: false, ...timeouts },
      },
      {
        test: { name: 'chaos', include: ['test/chaos/*.test.ts'], maxWorkers: 1, ...timeouts },
      },
    ],
  },
});
