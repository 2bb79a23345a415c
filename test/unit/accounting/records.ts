import fc from 'fast-check';
import type { UsageRecord } from '../../../src/protocol/record.js';
import type { Usage } from '../../../src/protocol/usage.js';
import type { UsageRow } from '../../../src/protocol/usage-sums.js';

/** Records of usage, for the tests of the ledger and of its sums. */

/** Gives a final record; `change` says what matters to the test. */
export function recordOf(id: string, change: Partial<UsageRecord> = {}): UsageRecord {
  return {
    type: 'final',
    run: `run-of-${id}`,
    id,
    owner: null,
    labels: {},
    created_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:00.000Z',
    at: '2026-01-01T00:00:01.000Z',
    duration_usec: 1_000_000,
    reason: 'exited',
    code: 0,
    signal: null,
    usage: null,
    memory_byte_seconds: null,
    ...change,
  };
}

/** Gives an interim record. */
export function interimOf(id: string, change: Partial<UsageRecord> = {}): UsageRecord {
  return recordOf(id, { type: 'interim', reason: null, code: null, ...change });
}

const io = { rbytes: 0, wbytes: 0, rios: 0, wios: 0, dbytes: 0, dios: 0 };

/** Gives the usage of a host with or without controllers. */
export function usageOf(
  cpuUsec: number,
  more: { throttledUsec?: number; wbytes?: number; wios?: number; peak?: number } = {},
): Usage {
  const { throttledUsec = null, wbytes, wios = 0, peak } = more;
  return {
    cpu: {
      usage_usec: cpuUsec,
      user_usec: cpuUsec,
      system_usec: 0,
      nr_periods: null,
      nr_throttled: null,
      throttled_usec: throttledUsec,
      nr_bursts: null,
      burst_usec: null,
    },
    io: wbytes === undefined ? null : { ...io, wbytes, wios, devices: [] },
    memory:
      peak === undefined
        ? null
        : {
            current: 0,
            peak,
            swap_current: 0,
            events: { low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0 },
          },
    pids: null,
    network: null,
    pressure: { cpu: null, memory: null, io: null },
  };
}

/** A minute of 1 January 2026. */
export const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

const steps = fc.array(
  fc.record({
    minutes: fc.integer({ min: -3, max: 30 }), // the clock may be set back
    cpu: fc.nat({ max: 1000 }),
    wbytes: fc.nat({ max: 1000 }),
    duration: fc.nat({ max: 1000 }),
    memory: fc.nat({ max: 1000 }),
    peak: fc.nat({ max: 1000 }),
  }),
  { minLength: 1, maxLength: 6 },
);
const runs = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    owner: fc.constantFrom('ann', 'bob', null),
    service: fc.constantFrom('shop', null),
    oci: fc.constantFrom({ id: 'web', root: '/run/x' }, { id: 'web', root: '/run/y' }, undefined),
    labels: fc.constantFrom({}, { job: 'x' }),
    start: fc.integer({ min: 0, max: 60 }),
    ends: fc.boolean(),
    counted: fc.record({ io: fc.boolean(), memory: fc.boolean() }),
    steps,
  }),
  { maxLength: 8 },
);
type Run = (typeof runs extends fc.Arbitrary<(infer R)[]> ? R : never) & { steps: unknown[] };

/** The records of a run: its counters only grow. */
function recordsOf(run: Run, number: number): UsageRecord[] {
  const { id, owner, service, labels, oci, start, ends, counted } = run;
  const sum = { minutes: start, cpu: 0, wbytes: 0, duration: 0, memory: 0, peak: 0 };
  return run.steps.map((step, i) => {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += step[name];
    const usage = usageOf(sum.cpu, {
      ...(counted.io ? { wbytes: sum.wbytes } : {}),
      ...(counted.memory ? { peak: sum.peak } : {}),
    });
    const make = ends && i === run.steps.length - 1 ? recordOf : interimOf;
    return make(id, {
      run: `${number}`,
      owner,
      service,
      labels,
      ...(oci === undefined ? {} : { oci }),
      at: at(sum.minutes),
      duration_usec: sum.duration,
      usage,
      memory_byte_seconds: counted.memory ? sum.memory : null,
    });
  });
}

/** A ledger of these runs: the records of each in their order, those of different runs in any. */
export const ledgers = fc.tuple(runs, fc.infiniteStream(fc.nat())).map(([all, choices]) => {
  const queues = all.map(recordsOf).filter((records) => records.length > 0);
  const records: UsageRecord[] = [];
  for (let left = queues; left.length > 0; left = left.filter((queue) => queue.length > 0)) {
    const queue = left[(choices.next().value as number) % left.length] as UsageRecord[];
    records.push(queue.shift() as UsageRecord);
  }
  return records;
});

type Sums = Map<string | null, Partial<UsageRow>>;

/** The figures that add up. */
export const ADDED = [
  'cpu_usage_usec',
  'cpu_user_usec',
  'wbytes',
  'wios',
  'memory_byte_seconds',
  'duration_usec',
] as const;

/** Puts the rows of several periods together. */
export function together(...parts: UsageRow[][]): Sums {
  const sums: Sums = new Map();
  for (const row of parts.flat()) {
    const before = sums.get(row.key) ?? {};
    const added = ADDED.map((name) => {
      const [a = null, b] = [before[name], row[name]];
      return [name, b === null ? a : (a ?? 0) + b];
    });
    const peaks = [before.memory_peak_bytes ?? null, row.memory_peak_bytes].filter((peak) => peak !== null);
    sums.set(row.key, {
      ...Object.fromEntries(added),
      memory_peak_bytes: peaks.length === 0 ? null : Math.max(...peaks),
    });
  }
  return sums;
}
