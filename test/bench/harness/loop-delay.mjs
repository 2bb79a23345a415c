// @ts-check
// Loaded into the daemon beside its own code: tells on SIGUSR2 how long its event loop was held up.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
const path = process.env.NIWA_BENCH_DELAYS ?? '';
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();

process.on('SIGUSR2', () => {
  const p99 = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
  delays.reset();
  writeFileSync(`${path}.new`, String(p99));
  renameSync(`${path}.new`, path);
});
