// Many connections at once to a service that sleeps, and many services of which next to none is awake.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { askAtOnce } from '../integration/support/load.js';
import { makeNetwork, nodePlace, startOnNode } from '../integration/support/network.js';
import type { Niwad } from '../integration/support/niwad.js';
import { serviceAt, templateOf, wakeText } from './services-support.js';

makeNetwork();
let niwad: Niwad;
beforeAll(async () => {
  niwad = await startOnNode(nodePlace());
});

test.for([100, 1000])('%d connections at once to a sleeping service: one start, all are answered', async (count) => {
  const name = `herd-${count}`;
  const port = 8000 + count;
  await niwad.client.applyService(serviceAt(name, port, templateOf('node'), { slots: 4 }));
  const { ends, ms } = await askAtOnce(port, count);
  const status = await niwad.client.service(name);
  console.log(`${count} at once: all answered after ${ms} ms; ${wakeText(status)}`);
  expect(ends).toEqual({ answered: count });
  expect(status.counters).toMatchObject({ wakes: 1, refused: {}, failures: {} });
  expect((await niwad.client.serviceHistory(name)).decisions.filter(({ step }) => step === 'start')).toHaveLength(1);
  await niwad.client.removeService(name);
});

test('500 services of which 5 are awake: niwad is small, and idle', { timeout: 120_000 }, async () => {
  const idle = readStat(niwad.pid);
  const file = join(niwad.place.files, 'services.yaml');
  const services = Array.from({ length: 500 }, (_, i) => serviceAt(`many-${i}`, 20_000 + i, templateOf('node')));
  writeFileSync(file, services.map((service) => JSON.stringify(service)).join('\n---\n'));
  const begin = performance.now();
  const { exitCode, stderr } = await niwad.cli('service', 'apply', file);
  const applySeconds = (performance.now() - begin) / 1000;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });

  for (let i = 0; i < 500; i += 100) expect((await askAtOnce(20_000 + i, 1)).ends).toEqual({ answered: 1 });
  await sleep(2000);
  const before = readStat(niwad.pid);
  await sleep(5000);
  const after = readStat(niwad.pid);
  const percent = ((after.cpuMs - before.cpuMs) / 5000) * 100;
  console.log(
    `500 services applied in ${applySeconds.toFixed(1)} s; niwad has ${after.mib} MiB (without services ${idle.mib}), ` +
      `and uses ${percent.toFixed(1)} % of a processor with 5 of them awake`,
  );
  const all = await niwad.client.services();
  expect(all.filter(({ state }) => state === 'serving')).toHaveLength(5);
  expect(all.filter(({ state }) => state === 'cold')).toHaveLength(495);
  expect(applySeconds).toBeLessThan(60);
  expect(percent).toBeLessThan(20);
  expect(after.mib - idle.mib).toBeLessThan(100);
});

/** The CPU time and the resident memory of a process. */
function readStat(pid: number): { cpuMs: number; mib: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, mib: Math.round(Number(kib) / 1024) };
}
