import { Counter, Gauge, type Registry } from 'prom-client';
import type { StockCounts } from '../protocol/pools.js';

const COUNTERS: [keyof StockCounts, string][] = [
  ['taken', 'Starts that took a container that was made ahead'],
  ['missed', 'Starts from pools and services for which none was ready'],
  ['thrown_away', 'Containers that were made ahead and ended without a start'],
];

/** Adds the figures of what is made ahead, for pools and services together. */
export function addAheadMetrics(registry: Registry, read: () => StockCounts & { ready: number }): void {
  new Gauge({
    name: 'niwa_ahead_ready',
    help: 'Containers that were made ahead and wait',
    registers: [registry],
    collect() {
      this.set(read().ready);
    },
  });
  for (const [count, help] of COUNTERS)
    new Counter({
      name: `niwa_ahead_${count}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read()[count]);
      },
    });
}
