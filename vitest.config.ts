import { defineConfig } from 'vitest/config';

const slow = process.env.IN_VM === '1' ? 300_000 : 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['test/attacks/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // One worker for all files, so that they share a daemon.
        test: {
          name: 'attacks',
          include: ['test/attacks/*.test.ts'],
          maxWorkers: 1,
          isolate: false,
          testTimeout: slow,
          hookTimeout: slow,
        },
      },
    ],
  },
});
