import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The virtual machine of test/vm runs JavaScript 8 to 15 times slower. */
const inVm = process.env.IN_VM === '1';
const timeout = inVm ? 300_000 : 60_000;
/** An engine starts some ten programs for each command: half a minute in the machine, where others use the processors. */
const engineTimeout = inVm ? 900_000 : timeout;

/** In the machine, all files share a process, and with it a daemon: starting these takes longer than the tests. */
const isolate = !inVm;

/** In their order. One worker runs file after file, so that a test measures only its own times. */
const projects = [
  // They measure no short times and need no root, so that several run at once.
  { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate, maxWorkers: inVm ? 1 : availableParallelism() },
  { name: 'integration', include: ['test/integration/**/*.test.ts'], isolate, maxWorkers: 1 },
  // One process for all files, so that they share a daemon.
  { name: 'attacks', include: ['test/attacks/*.test.ts'], isolate: false, maxWorkers: 1 },
  { name: 'examples', include: ['test/examples/*.test.ts'], isolate: false, maxWorkers: 1 },
  // `npm test` leaves them out.
  { name: 'engines', include: ['test/engines/*.test.ts'], isolate, maxWorkers: 1, testTimeout: engineTimeout },
  { name: 'chaos', include: ['test/chaos/*.test.ts'], maxWorkers: 1 },
];

/** The generator of clients uses functions that the package `typescript` does not have any more. */
const generator = {
  server: { deps: { inline: ['openapi-typescript'] } },
  alias: [
    {
      find: /^typescript$/,
      replacement: fileURLToPath(new URL('test/integration/support/typescript-api.ts', import.meta.url)),
    },
  ],
};

export default defineConfig({
  test: {
    tags: [
      {
        name: 'vm',
        description: 'also in the virtual machine, by `npm test`; what has no tag is run on the host alone',
      },
      {
        name: 'vm-long',
        description:
          'also in the virtual machine, by `npm run test:long`; `npm test` runs it on the host, and lacks nothing there',
      },
    ],
    projects: projects.map((project, groupOrder) => ({
      test: {
        testTimeout: timeout,
        hookTimeout: timeout,
        ...project,
        sequence: { groupOrder },
        ...generator,
        expect: { poll: { timeout: timeout / 6 } },
      },
    })),
  },
});
