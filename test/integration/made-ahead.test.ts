import { readdirSync, readlinkSync } from 'node:fs';
import { expect } from 'vitest';
import { test } from './support/test.js';

const COUNT = 20; // more than are ready

/** The network namespaces that a process holds by a descriptor. */
const heldBy = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return link.startsWith('net:') ? [link] : [];
    } catch {
      return []; // closed meanwhile
    }
  });

test('gives each container a network namespace of its own, which the daemon holds no more', async ({ niwad }) => {
  const process = { args: ['sleep', '1000'] };
  const started = await Promise.all(Array.from({ length: COUNT }, () => niwad.start({ process })));
  const pids = started.map(({ pid }) => pid ?? 0);
  const own = pids.map((pid) => readlinkSync(`/proc/${pid}/ns/net`));
  expect(new Set(own).size).toBe(COUNT);
  expect(own).not.toContain(readlinkSync('/proc/self/ns/net'));
  expect(heldBy(niwad.pid).filter((link) => own.includes(link))).toEqual([]);
});

test('leaves a fresh network namespace with nothing but a loopback device that is up', async ({ niwad }) => {
  const show = 'ls /sys/class/net; cat /sys/class/net/lo/flags; tail -n +2 /proc/net/route';
  for (let i = 0; i < COUNT; i++) expect(await niwad.sh(show)).toBe('lo\n0x9');
});

test('tells how long each part of a start took', async ({ niwad }) => {
  const begun = performance.now();
  const { id } = await niwad.client.create({ process: { args: ['true'] } }, { start: true, wait: true });
  const wallUsec = (performance.now() - begun) * 1000;
  const phases = (await niwad.client.inspect(id)).start_phases_usec as Record<string, number>;
  const names = 'spec plan state encode queue group devices userns clone boot adopt start_queue exec'.split(' ');
  expect(Object.keys(phases)).toEqual(names);
  for (const name of ['spec', 'state', 'clone', 'boot', 'exec']) expect(phases[name], name).toBeGreaterThan(0);
  expect(Object.values(phases).reduce((sum, usec) => sum + usec, 0)).toBeLessThanOrEqual(wallUsec);
});

test('tells only the parts that were', async ({ niwad }) => {
  const { id } = await niwad.client.create({ process: { args: ['true'] } });
  const phases = (await niwad.client.inspect(id)).start_phases_usec;
  expect(phases).toHaveProperty('boot');
  expect(phases).not.toHaveProperty('exec');
});
