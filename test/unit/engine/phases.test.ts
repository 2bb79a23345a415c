import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Stopwatch, tellPhases } from '../../../src/engine/phases.js';
import { StartPhasesSchema } from '../../../src/protocol/phases.js';

describe('tellPhases', () => {
  it('tells what has happened, in its order, by the names of the API', () => {
    const told = tellPhases({ exec: 30, startQueue: 20, spec: 10 });
    expect(Object.entries(told)).toEqual([
      ['spec', 10],
      ['start_queue', 20],
      ['exec', 30],
    ]);
    for (const name of Object.keys(told)) expect(StartPhasesSchema.properties).toHaveProperty(name);
  });
});

describe('Stopwatch', () => {
  it('gives the time of each phase in microseconds, and leaves out what somebody else has timed', async () => {
    const watch = new Stopwatch();
    await sleep(20);
    watch.lap('spec');
    await sleep(20);
    const taken = performance.now();
    watch.take({ boot: 7 });
    watch.lap('adopt');
    const since = (performance.now() - taken) * 1000;
    expect(watch.phases.boot).toBe(7);
    expect(watch.phases.spec).toBeGreaterThan(15_000);
    expect(watch.phases.adopt).toBeLessThanOrEqual(since + 1);
  });
});
